//! A logged call as a command of a shell.

use crate::api::recorder::Entry;
use crate::api::recorder::json::quoted;
use crate::api::recorder::mask::MASK;
use crate::identity::authenticate::{SECURITY_TOKEN_HEADER, TOKEN_HEADER};
use axum::http::{HeaderMap, Method, header};
use std::fmt::Write;
use std::net::SocketAddr;

/// What curl writes itself, and what only has to do with the connection.
const CURLS_OWN: [&str; 8] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "transfer-encoding",
    "user-agent",
    "x-forwarded-for",
];

/// The command. curl cannot sign, so that a call whose caller is known is made with a token, which the command asks for with
/// the user's password. Secrets are variables of the shell, or `***`.
pub fn command(entry: &Entry, listen: SocketAddr) -> String {
    let base = base(&entry.headers, listen);
    let mut text = String::new();
    let mut proof = None;
    if let Some(caller) = &entry.caller {
        if caller.acting_from.is_some() {
            let _ = writeln!(text, ": \"${{TOKEN:?must be a token for an agency of {}}}\"", caller.domain_name);
        } else {
            let (user, account) = (quoted(&caller.user_name), quoted(&caller.domain_name));
            let before = format!(
                r#"{{"auth":{{"identity":{{"methods":["password"],"password":{{"user":{{"domain":{{"name":{account}}},"name":{user},"password":""#
            );
            let _ = writeln!(text, ": \"${{PASSWORD:?must be the password of {}}}\"", caller.user_name);
            let _ = writeln!(
                text,
                "TOKEN=$(curl -si {} --data-raw {}\"$PASSWORD\"{} |\n  tr -d '\\r' | sed -n 's/^x-subject-token: //Ip')",
                in_shell(&format!("{base}/v3/auth/tokens")),
                in_shell(&before),
                in_shell("\"}}}}}"),
            );
        }
        proof = Some("  -H \"X-Auth-Token: $TOKEN\"");
    }
    let question_mark = if entry.query.is_empty() { "" } else { "?" };
    let target = in_shell(&format!("{base}{}{question_mark}{}", entry.path, entry.query));
    let mut lines = vec![match entry.method {
        Method::HEAD => format!("curl --head --globoff {target}"),
        _ => format!("curl -i --globoff -X {} {target}", entry.method),
    }];
    lines.extend(proof.map(str::to_owned));
    let of_the_proof = |name: &str| {
        name == header::AUTHORIZATION.as_str()
            || name == TOKEN_HEADER
            || name == SECURITY_TOKEN_HEADER
            || name == "x-domain-id"
            || name.starts_with("x-sdk-")
    };
    for (name, value) in &entry.headers {
        let name = name.as_str();
        if !CURLS_OWN.contains(&name) && (proof.is_none() || !of_the_proof(name)) {
            let value = String::from_utf8_lossy(value.as_bytes());
            lines.push(format!("  -H {}", in_shell(&format!("{name}: {value}"))));
        }
    }
    lines.extend(entry.body.as_ref().map(|body| format!("  --data-raw {}", in_shell(&body.text))));
    let command = lines.join(" \\\n");
    if entry.body.as_ref().is_some_and(|body| body.cut) {
        text.push_str("# The body is not whole: it was too long.\n");
    }
    if command.contains(MASK) {
        let _ = writeln!(text, "# Where it says {MASK}, write what is hidden here.");
    }
    text + &command + "\n"
}

/// Where the call went to.
pub fn base(headers: &HeaderMap, listen: SocketAddr) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.map_or_else(|| format!("http://{listen}"), |host| format!("http://{host}"))
}

/// One word for the shell, whatever is in it.
fn in_shell(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_call_is_read_by_the_shell() {
        assert_eq!(in_shell("a'; rm -rf $HOME `id`"), r"'a'\''; rm -rf $HOME `id`'");
    }
}
