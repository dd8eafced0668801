/*
 * The bar above Swagger UI, in which a person enters credentials, and the panel below it, which shows what was signed
 * and why the server took or refused it.
 *
 * The credentials live in the input fields and nowhere else: no storage, no cookie, gone with the page.
 */
const Explorer = (() => {
    "use strict";

    const byId = (id) => document.getElementById(id);
    const CANONICAL_REQUEST = "canonical request: ";
    /** What the sandbox adds to a refusal. */
    const LIKELY_CAUSE = " Likely cause: ";
    const NO_LINE = "(no such line)";

    /** What the server's refusals mean to the person in front of the page. */
    const MEANINGS = [
        ["server's clock", "The clock of this computer and the clock of the server differ too much."],
        ["ak not exist", "The server knows no such access key, or it is disabled."],
        ["reach the limit", "Too many signatures failed: for some minutes the key is locked for calls from here."],
        ["x-auth-token not found", "The call carried neither a signature nor a token."],
        ["decrypt token fail", "The server knows no such token."],
        ["token expires", "The token has expired: get a new one."],
        ["must be signed", "This key or this server demands a header among the signed ones that is not."],
    ];

    /** Whether the document says that anybody may call: signing such a call would prove nothing. */
    function isOpenToAll(request, target) {
        const document = window.ui?.specSelectors.specJson();
        const requirements = document?.getIn(["paths", target.pathname, request.method.toLowerCase(), "security"]);
        return requirements?.some((requirement) => requirement.size === 0) ?? false;
    }

    function addSignature(request) {
        const [accessKey, secretKey] = [byId("access-key").value.trim(), byId("secret-key").value.trim()];
        if (!accessKey || !secretKey) {
            return { outcome: "Sent without a signature: enter an access key and its secret key." };
        }
        if (request.body != null && typeof request.body !== "string") {
            return { outcome: "Sent without a signature: only text bodies can be signed here." };
        }
        const signed = Signer.sign({ ...request, accessKey, secretKey });
        Object.assign(request.headers, signed.headers);
        return { proof: "Signature", outcome: "Signed and sent.", canonicalRequest: signed.canonicalRequest };
    }

    function addToken(request) {
        const token = byId("token").value.trim();
        if (!token) {
            return { outcome: "Sent without a token: enter one." };
        }
        request.headers["X-Auth-Token"] = token;
        return { proof: "Token", outcome: "Sent with the token." };
    }

    function addCredentials(request, target) {
        if (isOpenToAll(request, target)) {
            return { outcome: "Sent without credentials: this operation needs none." };
        }
        return byId("mode-token").checked ? addToken(request) : addSignature(request);
    }

    /**
     * Swagger UI's request interceptor: adds the credentials to a call of this server, and to nothing else.
     *
     * The response interceptor is set on the request itself, so that of two calls under way each finds its own answer.
     */
    function prepare(request) {
        const target = new URL(request.url, location.href);
        if (request.loadSpec || target.origin !== location.origin) {
            return request;
        }
        const sent = addCredentials(request, target);
        sent.title = `${request.method.toUpperCase()} ${target.pathname}`;
        showSent(sent);
        request.responseInterceptor = (response) => {
            showSent(sent);
            showAnswer(sent, response.status, response.text);
            return response;
        };
        return request;
    }

    function showSent({ title, outcome, canonicalRequest }) {
        byId("signature-panel").hidden = false;
        byId("signature-request").textContent = title;
        byId("signature-difference").hidden = true;
        byId("signed-details").hidden = canonicalRequest === undefined;
        byId("signed-canonical").textContent = canonicalRequest ?? "";
        showOutcome(outcome, "open");
    }

    function showOutcome(text, verdict) {
        byId("signature-outcome").textContent = text;
        byId("signature-panel").dataset.verdict = verdict;
    }

    /** The vendor's refusals have a code and a message; of any other body there is nothing to explain. */
    function parseRefusal(text) {
        try {
            const { error_code: code = "", error_msg: message = "" } = JSON.parse(text);
            return { code, message };
        } catch {
            return { code: "", message: "" };
        }
    }

    function showAnswer({ proof, outcome, canonicalRequest }, status, text) {
        const { code, message } = parseRefusal(text);
        if (status === 401 && code === "APIGW.0301") {
            showOutcome(proof === undefined ? `${outcome} Status 401.` : `${proof} refused: status 401.`, "refused");
            explainRefusal(canonicalRequest, message);
        } else if (proof === undefined) {
            showOutcome(`${outcome} Status ${status}.`, "open");
        } else if (status >= 200 && status < 300) {
            showOutcome(`${proof} accepted: status ${status}.`, "accepted");
        } else if (code.startsWith("CBC.") && status >= 400 && status < 500 && status !== 401) {
            // The service is asked only once the caller is known.
            showOutcome(`${proof} accepted, but the service answered with status ${status}: ${message}`, "accepted");
        } else {
            showOutcome(`Status ${status}, which says nothing about the ${proof.toLowerCase()}. ${message}`, "open");
        }
    }

    /** Says why the server refused; `ours` is the canonical request signed here, if one was. */
    function explainRefusal(ours, message) {
        const start = message.indexOf(CANONICAL_REQUEST);
        if (ours !== undefined && start >= 0) {
            const end = message.lastIndexOf(LIKELY_CAUSE);
            showComparison(ours, message.slice(start + CANONICAL_REQUEST.length, end < 0 ? undefined : end));
            return;
        }
        const preamble = /^Incorrect IAM authentication information: (verify aksk signature fail, )?/;
        const reason = message.replace(preamble, "");
        const [, meaning = ""] = MEANINGS.find(([part]) => reason.includes(part)) ?? [];
        showExplanation(`${meaning} The server says: ${reason}`.trim());
    }

    function showExplanation(text) {
        byId("signature-difference").hidden = false;
        byId("difference-explanation").textContent = text;
        byId("difference-lines").hidden = true;
    }

    /** The first line in which two canonical requests differ, or nothing. */
    function firstDifference(ours, server) {
        // The server joins its lines by `|`. Joined the same way, a `|` inside a header splits on both sides alike.
        const [ourLines, serverLines] = [ours, server].map((text) => text.replaceAll("\n", "|").split("|"));
        const count = Math.max(ourLines.length, serverLines.length);
        for (let i = 0; i < count; i++) {
            if (ourLines[i] !== serverLines[i]) {
                const name = lineName(ourLines, i);
                return { line: i + 1, name, ours: ourLines[i] ?? NO_LINE, server: serverLines[i] ?? NO_LINE };
            }
        }
        return undefined;
    }

    function lineName(lines, index) {
        const headersEnd = lines.indexOf("", 3);
        if (index < 3) {
            return ["the method", "the path", "the query"][index];
        }
        if (index < headersEnd) {
            return `the header ${lines[index].split(":")[0]}`;
        }
        return ["the end of the headers", "the list of signed headers", "the hash of the body"][index - headersEnd];
    }

    function showComparison(ours, server) {
        const difference = firstDifference(ours, server);
        if (difference === undefined) {
            showExplanation("Both sides signed the same text, so the secret key (or the access key) is wrong.");
            return;
        }
        showExplanation("The request was changed on its way, by a proxy for instance. What differs first:");
        byId("difference-lines").hidden = false;
        byId("difference-line").textContent = `Line ${difference.line}, ${difference.name}:`;
        showMarked(byId("difference-ours"), difference.ours, difference.server);
        showMarked(byId("difference-server"), difference.server, difference.ours);
    }

    /** Writes `text` with the part marked that `other` has not. */
    function showMarked(element, text, other) {
        const shorter = Math.min(text.length, other.length);
        let start = 0;
        while (start < shorter && text[start] === other[start]) {
            start++;
        }
        let end = 0;
        while (end < shorter - start && text.at(-1 - end) === other.at(-1 - end)) {
            end++;
        }
        const marked = document.createElement("mark");
        marked.textContent = text.slice(start, text.length - end);
        element.replaceChildren(text.slice(0, start), marked, text.slice(text.length - end));
    }

    function showMode() {
        const isToken = byId("mode-token").checked;
        byId("signature-fields").hidden = isToken;
        byId("token-fields").hidden = !isToken;
        byId("credentials-note").textContent = isToken
            ? "The token goes out with each call. This page keeps it only until it is closed."
            : "Each call is signed in this page: the secret key is never sent, and kept only until the page is closed.";
    }

    /** A sandbox has a key for everybody; what a person typed meanwhile stays. */
    async function fillInDemoKey() {
        const response = await fetch("demo.json");
        const demo = response.ok ? await response.json() : {};
        const [accessKey, secretKey] = [byId("access-key"), byId("secret-key")];
        if (demo.access_key && !accessKey.value && !secretKey.value) {
            accessKey.value = demo.access_key;
            secretKey.value = demo.secret_key;
            byId("credentials-note").textContent = "The sandbox's demo key is filled in: execute any operation.";
        }
    }

    function start() {
        for (const mode of ["mode-signature", "mode-token"]) {
            byId(mode).addEventListener("change", showMode);
        }
        // The note on the demo key is no longer true of another key.
        byId("signature-fields").addEventListener("input", showMode);
        byId("close-panel").addEventListener("click", () => {
            byId("signature-panel").hidden = true;
        });
        showMode();
        fillInDemoKey();
    }

    return { start, prepare, explainRefusal, firstDifference, showAnswer, showSent };
})();
