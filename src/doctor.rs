//! `bss-gateway doctor signature`: what is wrong with the signature of a request that somebody pastes.
//!
//! The same diagnosis as the sandbox's ([`signature::diagnose`]), for requests to any server of this API, the vendor's too.
//! It talks to nobody and needs no database.

use crate::output::{complain, print};
use crate::signature::{self, Algorithm, Key, Request, Rules};
use anyhow::{Context, bail, ensure};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use clap::{Args, Subcommand};
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use time::{Duration, OffsetDateTime};

/// Where the vendor's SDKs, too, look for the secret key.
const SECRET_KEY_VARIABLE: &str = "HUAWEICLOUD_SDK_SK";

/// What can be examined.
#[derive(Debug, Subcommand)]
pub enum DoctorCommand {
    /// Say why the signature of a request is refused. The secret key comes from a file, from the environment variable
    /// `HUAWEICLOUD_SDK_SK`, or, when the request is in a file, from standard input; never from an argument
    Signature(SignatureArguments),
}

/// `doctor signature …`
#[derive(Debug, Args)]
pub struct SignatureArguments {
    /// The request as it is sent: request line, headers, an empty line, body; standard input by default
    request: Option<PathBuf>,
    /// A file that holds the secret key
    #[arg(long)]
    secret_key_file: Option<PathBuf>,
    /// When the request was received, as in `20260131T235959Z`; now by default
    #[arg(long, value_parser = instant)]
    at: Option<OffsetDateTime>,
    /// How far `X-Sdk-Date` may be from that
    #[arg(long, default_value_t = 900)]
    clock_skew_seconds: u32,
}

fn instant(text: &str) -> Result<OffsetDateTime, String> {
    signature::parse_date(text).ok_or_else(|| "must be of the form 20260131T235959Z".to_owned())
}

/// Prints the findings. The process fails when there are any, for scripts.
pub fn run(command: &DoctorCommand, now: OffsetDateTime) -> anyhow::Result<ExitCode> {
    let DoctorCommand::Signature(arguments) = command;
    let text = match &arguments.request {
        Some(file) => fs_err::read(file)?,
        None => read_standard_input().context("reading the request")?,
    };
    let secret_key = secret_key(arguments)?;
    let skew = Duration::seconds(i64::from(arguments.clock_skew_seconds));
    let findings = examine(&text, &secret_key, arguments.at.unwrap_or(now), skew)?;
    if findings.is_empty() {
        print("The signature is right.\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let lines = findings.iter().map(|finding| format!("{}: {}.\n", finding.name, finding.text));
    print(&lines.collect::<String>())?;
    print(&compared(&text)?)?;
    Ok(ExitCode::FAILURE)
}

fn secret_key(arguments: &SignatureArguments) -> anyhow::Result<String> {
    let secret_key = match (&arguments.secret_key_file, std::env::var(SECRET_KEY_VARIABLE)) {
        (Some(file), _) => fs_err::read_to_string(file)?,
        (None, Ok(secret_key)) => secret_key,
        (None, Err(_)) if arguments.request.is_some() => {
            complain("The secret key:");
            String::from_utf8(read_standard_input()?).context("reading the secret key")?
        }
        (None, Err(_)) => bail!(
            "the secret key is missing: give --secret-key-file, set {SECRET_KEY_VARIABLE}, or name the request's file"
        ),
    };
    let secret_key = secret_key.lines().next().unwrap_or_default();
    ensure!(!secret_key.is_empty(), "the secret key is empty");
    Ok(secret_key.to_owned())
}

fn read_standard_input() -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    Ok(text)
}

/// What is wrong with the signature of this request.
fn examine(
    text: &[u8],
    secret_key: &str,
    now: OffsetDateTime,
    skew: Duration,
) -> anyhow::Result<Vec<signature::Finding>> {
    let request = Pasted::parse(text)?;
    let authorization = signature::parse(&request.headers, &Algorithm::ALL)?;
    let received = request.received();
    let diagnose = |secret_key: &str| {
        let key = Key::new(authorization.access_key, secret_key.as_bytes());
        signature::diagnose(&authorization, received, &key, Rules::default(), now, skew)
    };
    let mut findings = diagnose(secret_key);
    if findings.iter().any(|finding| finding.name == "secret_key") {
        // Who reads a key from a file or copies it from a table may sign with what stands around it.
        for (around, what) in [("\n", "a line feed"), ("\r\n", "a line end"), (" ", "a space"), ("\t", "a tab")] {
            if diagnose(&format!("{secret_key}{around}")).iter().all(|finding| finding.name == "clock") {
                findings.retain(|finding| finding.name == "clock");
                let text = format!("the client signs with a secret key that has {what} at its end");
                findings.push(signature::Finding { name: "secret_key_end", text });
                break;
            }
        }
    }
    Ok(findings)
}

/// What the client has to compare its own with: the canonical request and the string to sign, as they follow from the request.
fn compared(text: &[u8]) -> anyhow::Result<String> {
    let request = Pasted::parse(text)?;
    let authorization = signature::parse(&request.headers, &Algorithm::ALL)?;
    let canonical = signature::canonical_request(&authorization, request.received());
    let to_sign = signature::string_to_sign(&authorization, request.received());
    // Without a signed header there is neither, which a finding says.
    Ok(match (canonical, to_sign) {
        (Ok(canonical), Ok(to_sign)) => {
            format!("\nThe canonical request:\n{canonical}\n\nThe string to sign:\n{to_sign}\n")
        }
        _ => String::new(),
    })
}

/// A request as text.
#[derive(Debug)]
struct Pasted {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Pasted {
    fn received(&self) -> Request<'_> {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        Request { method: &self.method, path, query, headers: &self.headers, body: &self.body }
    }

    /// Lines may end as HTTP's do or as an editor's do.
    fn parse(text: &[u8]) -> anyhow::Result<Self> {
        let mut rest = text;
        let mut line = || {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            line.strip_suffix(b"\r").unwrap_or(line)
        };
        let first = String::from_utf8_lossy(line());
        let mut words = first.split_whitespace();
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            bail!("the first line must be the request line, for instance `GET /v2/bases/measurements HTTP/1.1`");
        };
        let method = method.parse().with_context(|| format!("`{method}` is no method"))?;
        let mut headers = HeaderMap::new();
        loop {
            let line = line();
            if line.is_empty() {
                break;
            }
            let shown = String::from_utf8_lossy(line);
            let colon = line.iter().position(|byte| *byte == b':');
            let colon = colon.with_context(|| format!("`{shown}` is no header: it has no colon"))?;
            let name = HeaderName::from_bytes(&line[..colon]).with_context(|| format!("`{shown}` is no header"))?;
            let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
            headers.append(name, value.with_context(|| format!("`{shown}` is no header"))?);
        }
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        // Editors end a file with a line feed that is not the body's.
        let body = rest.get(..length.unwrap_or(rest.len())).unwrap_or(rest).to_vec();
        Ok(Self { method, target: path_and_query(target).to_owned(), headers, body })
    }
}

/// Without scheme and host, which tools print before them.
fn path_and_query(target: &str) -> &str {
    let Some((_, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) else { return target };
    rest.find(['/', '?']).map_or("/", |start| &rest[start..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::signer::sign;
    use axum::body::Body;
    use std::fmt::Write as _;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-01-31 12:00 UTC);
    const BODY: &str = r#"{"a":1}"#;

    /// A request as text, signed with this secret key.
    fn pasted(target: &str, secret_key: &str) -> String {
        let request = axum::http::Request::builder().method("POST").uri(target).header("host", "bss.test");
        let mut request = request.body(Body::empty()).expect("it is valid");
        sign(&mut request, BODY, "AK", secret_key, NOW);
        let mut text = format!("POST {target} HTTP/1.1\n");
        for (name, value) in request.headers() {
            writeln!(text, "{name}: {}", value.to_str().expect("ASCII")).expect("a string takes everything");
        }
        text + "\n" + BODY
    }

    fn names(text: &str, secret_key: &str, now: OffsetDateTime) -> Vec<&'static str> {
        let findings = examine(text.as_bytes(), secret_key, now, Duration::minutes(15)).expect("it can be read");
        findings.into_iter().map(|finding| finding.name).collect()
    }

    #[test]
    fn a_pasted_request_is_examined_whatever_ends_its_lines() {
        let text = pasted("/v2/x?b=1&a=2", "secret");
        assert_eq!(names(&text, "secret", NOW), [""; 0]);
        let (head, body) = text.split_once("\n\n").expect("it has both");
        assert_eq!(names(&format!("{}\r\n\r\n{body}", head.replace('\n', "\r\n")), "secret", NOW), [""; 0]);
        assert_eq!(names(&format!("{text}\n"), "secret", NOW), ["body_whitespace"]);
        let with_length = format!("{head}\nContent-Length: {}\n\n{body}\n", body.len());
        assert_eq!(names(&with_length, "secret", NOW), [""; 0], "the line feed of an editor");
        assert_eq!(names(&text.replace(" /v2", " https://bss.test/v2"), "secret", NOW), [""; 0]);
    }

    #[test]
    fn what_is_wrong_is_found() {
        let text = pasted("/v2/x", "secret");
        assert_eq!(names(&text, "other", NOW), ["secret_key"]);
        assert_eq!(names(&text.replace("host: bss.test", "host: bss.test:443"), "secret", NOW), ["header_changed"]);
        assert_eq!(names(&text, "secret", NOW + Duration::hours(2)), ["clock"]);
        assert_eq!(names(&pasted("/v2/x", "secret\n"), "secret", NOW), ["secret_key_end"]);
        assert_eq!(names(&pasted("/v2/x", "secret\n"), "secret", NOW + Duration::HOUR), ["clock", "secret_key_end"]);
    }

    #[test]
    fn what_is_no_request_is_refused_in_words() {
        for (text, words) in [
            ("", "request line"),
            ("GET", "request line"),
            ("GET /x\nHost bss.test\n\n", "no colon"),
            ("GET /x\nHö: 1\n\n", "no header"),
            ("G@T /x\n\n", "no method"),
            ("GET /x\nHost: bss.test\n\n", "Authorization header"),
            ("GET /x\nAuthorization: SDK-HMAC-SHA256 Access=AK\n", "are required"),
        ] {
            let error = examine(text.as_bytes(), "secret", NOW, Duration::HOUR).expect_err("it is refused");
            assert!(format!("{error:#}").contains(words), "{text}: {error:#}");
        }
    }
}
