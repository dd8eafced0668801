/*
 * The request signature SDK-HMAC-SHA256 in the browser; the server's side of it is src/signature/.
 *
 * SHA-256 is written out, because browsers offer `crypto.subtle` only on https and localhost, and a self-hosted server
 * is often reached by plain http.
 */
const Signer = (() => {
    "use strict";

    const ALGORITHM = "SDK-HMAC-SHA256";
    const BLOCK_LENGTH = 64;
    const UTF_8 = new TextEncoder();

    /** SHA-256 takes its constants from the first 32 bits of the fractions of the roots of the first primes. */
    function fractions(count, root) {
        const words = new Uint32Array(count);
        for (let candidate = 2, found = 0; found < count; candidate++) {
            let isPrime = true;
            for (let divisor = 2; divisor * divisor <= candidate; divisor++) {
                isPrime = isPrime && candidate % divisor !== 0;
            }
            if (isPrime) {
                const value = root(candidate);
                words[found++] = (value - Math.floor(value)) * 2 ** 32;
            }
        }
        return words;
    }

    const ROUND_CONSTANTS = fractions(64, Math.cbrt);
    const INITIAL_STATE = fractions(8, Math.sqrt);

    function rotate(word, bits) {
        return (word >>> bits) | (word << (32 - bits));
    }

    /** Mixes one block of 16 words, at the start of `schedule`, into `state`. */
    function compress(state, schedule) {
        for (let i = 16; i < 64; i++) {
            const [early, late] = [schedule[i - 15], schedule[i - 2]];
            const first = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
            const second = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
            schedule[i] = schedule[i - 16] + first + schedule[i - 7] + second;
        }
        let [a, b, c, d, e, f, g, h] = state;
        for (let i = 0; i < 64; i++) {
            const choice = (e & f) ^ (~e & g);
            const majority = (a & b) ^ (a & c) ^ (b & c);
            const mixed = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
            const first = h + mixed + choice + ROUND_CONSTANTS[i] + schedule[i];
            const second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority;
            [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
        }
        [a, b, c, d, e, f, g, h].forEach((word, i) => {
            state[i] += word;
        });
    }

    /** SHA-256 of bytes. */
    function sha256(bytes) {
        const padded = new Uint8Array(Math.ceil((bytes.length + 9) / BLOCK_LENGTH) * BLOCK_LENGTH);
        padded.set(bytes);
        padded[bytes.length] = 0x80;
        const view = new DataView(padded.buffer);
        view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
        const state = INITIAL_STATE.slice();
        const schedule = new Uint32Array(64);
        for (let offset = 0; offset < padded.length; offset += BLOCK_LENGTH) {
            for (let i = 0; i < 16; i++) {
                schedule[i] = view.getUint32(offset + 4 * i);
            }
            compress(state, schedule);
        }
        const digest = new DataView(new ArrayBuffer(32));
        state.forEach((word, i) => digest.setUint32(4 * i, word));
        return new Uint8Array(digest.buffer);
    }

    /** HMAC-SHA256 of bytes under a key of any length. */
    function hmacSha256(key, bytes) {
        const block = new Uint8Array(BLOCK_LENGTH);
        block.set(key.length > BLOCK_LENGTH ? sha256(key) : key);
        const keyed = (pad, message) => sha256(Uint8Array.from([...block.map((byte) => byte ^ pad), ...message]));
        return keyed(0x5c, keyed(0x36, bytes));
    }

    function hex(bytes) {
        return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    }

    /** All but the unreserved characters of RFC 3986 encoded. */
    function encode(bytes) {
        const characters = Array.from(bytes, (byte) => {
            const character = String.fromCharCode(byte);
            return /[A-Za-z0-9._~-]/.test(character) ? character : "%" + hex([byte]).toUpperCase();
        });
        return characters.join("");
    }

    /** Decodes `%XX`; as on the server, a `%` without two hex digits stands for itself. */
    function decode(text) {
        const bytes = UTF_8.encode(text);
        const decoded = [];
        for (let i = 0; i < bytes.length; i++) {
            const digits = bytes[i] === 0x25 ? String.fromCharCode(...bytes.subarray(i + 1, i + 3)) : "";
            const isEncoded = /^[0-9A-Fa-f]{2}$/.test(digits);
            decoded.push(isEncoded ? parseInt(digits, 16) : bytes[i]);
            i += isEncoded ? 2 : 0;
        }
        return Uint8Array.from(decoded);
    }

    /** Decoded as a whole and each segment encoded again, so `%2F` counts as a slash; a slash at the end. */
    function canonicalPath(path) {
        const encoded = encode(decode(path)).replaceAll("%2F", "/");
        return encoded.endsWith("/") ? encoded : encoded + "/";
    }

    /** By UTF-8 bytes: JavaScript's own order, by UTF-16 units, puts U+1F600 before U+FF01. */
    function compareBytes(left, right) {
        const [a, b] = [UTF_8.encode(left), UTF_8.encode(right)];
        const difference = a.findIndex((byte, i) => byte !== b[i]);
        return difference < 0 ? a.length - b.length : a[difference] - (b[difference] ?? -1);
    }

    /** Pairs sorted by name, then value. `URLSearchParams` decodes them the way the server's form decoder does. */
    function canonicalQuery(query) {
        const pairs = [...new URLSearchParams(query)];
        pairs.sort((left, right) => compareBytes(left[0], right[0]) || compareBytes(left[1], right[1]));
        return pairs.map((pair) => pair.map((text) => encode(UTF_8.encode(text))).join("=")).join("&");
    }

    /** What a browser sends unchanged, and `host`, which it sends although no script may set it. */
    function headersToSign(headers, host, date) {
        const signed = [["host", host], ["x-sdk-date", date]];
        for (const [name, value] of Object.entries(headers)) {
            if (["content-type", "x-language"].includes(name.toLowerCase())) {
                signed.push([name.toLowerCase(), String(value).trim()]);
            }
        }
        return signed.sort(([left], [right]) => (left < right ? -1 : 1));
    }

    /**
     * Signs a request as it will be sent.
     *
     * `url` is absolute or relative to the page, `headers` an object, `body` a string or nothing, `date` a `Date`.
     * Returns the `headers` to add, and for the reader the `canonicalRequest` and the `stringToSign`.
     */
    function sign({ method, url, headers = {}, body, accessKey, secretKey, date = new Date() }) {
        // `URL` encodes and resolves as the browser does on sending, so what is signed is what arrives.
        const target = new URL(url, globalThis.location?.href);
        const time = date.toISOString().replace(/\.\d+|[:-]/g, "");
        const signed = headersToSign(headers, target.host, time);
        const names = signed.map(([name]) => name).join(";");
        const canonicalRequest = [
            method.toUpperCase(),
            canonicalPath(target.pathname),
            canonicalQuery(target.search),
            ...signed.map(([name, value]) => `${name}:${value}`),
            "",
            names,
            hex(sha256(UTF_8.encode(body ?? ""))),
        ].join("\n");
        const stringToSign = [ALGORITHM, time, hex(sha256(UTF_8.encode(canonicalRequest)))].join("\n");
        const signature = hex(hmacSha256(UTF_8.encode(secretKey), UTF_8.encode(stringToSign)));
        const authorization = `${ALGORITHM} Access=${accessKey}, SignedHeaders=${names}, Signature=${signature}`;
        return { headers: { Authorization: authorization, "X-Sdk-Date": time }, canonicalRequest, stringToSign };
    }

    return { sign, sha256, hmacSha256, hex };
})();

// Node has no global scripts; its tests load this file as a module.
if (typeof module !== "undefined") {
    module.exports = Signer;
}
