import { generateKeyPairSync, sign } from "node:crypto";

/*
 * A certificate of 127.0.0.1, signed by itself and made when it is wanted: no key lies in the repository, and nothing
 * runs out. DER by hand, as RFC 5280 has it.
 */
const element = (tag: number, ...contents: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(contents);
  const size = body.length;
  const head = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
};
const sequence = (...contents: readonly Uint8Array[]): Buffer => element(0x30, ...contents);
const integer = (value: number): Buffer => element(0x02, Buffer.from([value]));
const identifier = (...bytes: readonly number[]): Buffer => element(0x06, Buffer.from(bytes));
const text = (tag: number, value: string): Buffer => element(tag, Buffer.from(value));

const ECDSA_WITH_SHA256 = sequence(identifier(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2));
const COMMON_NAME = identifier(0x55, 4, 3);
const SUBJECT_ALTERNATIVE_NAME = identifier(0x55, 0x1d, 0x11);

const generalizedTime = (year: number): Buffer => text(0x18, `${year}0101000000Z`);

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

export function selfSigned(): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(element(0x31, sequence(COMMON_NAME, text(0x0c, "strainflow test"))));
  const address = sequence(element(0x87, Buffer.from([127, 0, 0, 1])));
  const signed = sequence(
    element(0xa0, integer(2)),
    integer(1),
    ECDSA_WITH_SHA256,
    name,
    sequence(generalizedTime(2000), generalizedTime(2999)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    element(0xa3, sequence(sequence(SUBJECT_ALTERNATIVE_NAME, element(0x04, address)))),
  );
  const signature = element(0x03, Buffer.from([0]), sign("sha256", signed, privateKey));
  const base64 = sequence(signed, ECDSA_WITH_SHA256, signature).toString("base64");
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}/g, "$&\n")}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
