/** A URL without the user and password that it may name, and what they become: basic authorization. */
export function withoutUser(url: string): {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
} {
  const target = new URL(url);
  const { username, password } = target;
  if (username === "" && password === "") return { url: target.href, headers: {} };
  target.username = "";
  target.password = "";
  const pair = `${decoded(username)}:${decoded(password)}`;
  return { url: target.href, headers: { authorization: `Basic ${Buffer.from(pair).toString("base64")}` } };
}

/** A lone % is one. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
