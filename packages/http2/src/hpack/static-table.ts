import type { Header } from "../headers.ts";

/* Fields that both sides know from the start. https://www.rfc-editor.org/rfc/rfc7541#appendix-A */
const LINES = `
:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`;

/** By index, from 1 on. */
export const STATIC_TABLE: readonly Header[] = LINES.split("\n").map((line) => {
  const space = line.indexOf(" ");
  return space < 0 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)];
});

const NAMES = new Map<string, number>();
const FIELDS = new Map<string, number>();
for (const [index, [name, value]] of STATIC_TABLE.entries()) {
  if (index === 0) continue;
  if (!NAMES.has(name)) NAMES.set(name, index);
  FIELDS.set(`${name}\n${value}`, index);
}

/** Index of a field with that name and value; 0 where there is none. */
export function staticField(name: string, value: string): number {
  return FIELDS.get(`${name}\n${value}`) ?? 0;
}

/** Index of the first field with that name; 0 where there is none. */
export function staticName(name: string): number {
  return NAMES.get(name) ?? 0;
}
