//! What of a call nobody is to read: secrets and personal data, found by the names of fields, headers and parameters.
//!
//! The names are the contract's; a test lists those of them that are hidden. What was hidden in a request is hidden in its
//! answer as well, wherever it is repeated there: a refusal may quote what it refuses.

use super::json::{DEPTH_MAX, Node, quoted};
use crate::signature;
use crate::values::receiver::without_receivers;
pub use crate::values::text::MASK;
use crate::values::words;
use axum::http::{HeaderMap, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::value::RawValue;

/// Most of a body that is kept.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// As canonical requests write values.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// As a path is shown: the mask stays readable.
const SHOWN: &AsciiSet = &ENCODED.remove(b'*');
/// A shorter value is not looked for in the answer: it would be found in much that has nothing to do with it.
const ECHO_BYTES_MIN: usize = 4;
/// How many values of a request are looked for in its answer.
const ECHOES_MAX: usize = 1000;

/// Parts of names, in lower case and without `_` and `-`, of what lets somebody in.
const SECRETS: [&str; 8] =
    ["password", "passcode", "secret", "token", "signature", "cookie", "authorization", "verificationcode"];
/// Parts of names of what reaches a person.
const REACHES_A_PERSON: [&str; 3] = ["phone", "mobile", "mail"];
/// Names of what else says who somebody is, or proves it.
const PERSONAL: [&str; 21] = [
    "accountmanagername",
    "address",
    "addressinfo",
    "bankaccount",
    "corpname",
    "customer",
    "customername",
    "displayname",
    "indirectpartnername",
    "invoicetitle",
    "legelidnumber",
    "legelname",
    "partnercorpname",
    "qrcodeurl",
    "recipients",
    "regaddress",
    "searchvalue",
    "smtemplateargs",
    "subcustomerdisplayname",
    "verifiedfileurl",
    "verifiednumber",
];
/// The identity service calls the ways to prove who one is by the names of secrets; what they hold is looked at by itself.
const PROOFS: [&str; 3] = ["password", "token", "totp"];
/// Below it stands who somebody is and how that is proved: no text but an account's, a user's or a method's is shown, whatever
/// it was put there as.
const LOGIN: &str = "auth";
/// Below these a `name` is an account's, a user's or a place's, by which operators know them.
const LOGINS: [&str; 5] = ["user", "domain", "project", "agency", "assumedby"];

/// A body as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MaskedBody {
    /// Its text.
    pub text: String,
    /// How long it was, in bytes.
    pub bytes: usize,
    /// Whether the text ends before the body did.
    pub cut: bool,
}

/// Hides what a request holds, remembers it, and hides it in the answer as well.
#[derive(Default)]
pub struct Masker {
    hidden: Vec<String>,
    /// Whether the answer's turn has come: nothing repeats what it holds, and it may hold very much.
    is_answered: bool,
    /// Whether anything of the body at hand was hidden.
    has_changed: bool,
}

impl Masker {
    /// What follows is the answer's.
    pub fn answer(&mut self) {
        self.is_answered = true;
    }

    /// Headers without what is secret. A signature's header keeps all but the signature.
    pub fn headers(&mut self, headers: &HeaderMap) -> HeaderMap {
        let mut masked = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            let text = String::from_utf8_lossy(value.as_bytes());
            let shown = match text.split_once("Signature=") {
                Some((before, signature)) if name == header::AUTHORIZATION && signature::is_signed(headers) => {
                    self.hide(signature);
                    format!("{before}Signature={MASK}")
                }
                _ if is_hidden(name.as_str(), None, false) => {
                    self.hide(&text);
                    MASK.to_owned()
                }
                _ => self.echoes(&text).unwrap_or(text.into_owned()),
            };
            let shown = HeaderValue::try_from(shown).unwrap_or(HeaderValue::from_static(MASK));
            masked.append(name, shown);
        }
        masked
    }

    /// A path.
    pub fn path(&self, path: &str) -> String {
        let shown = |part: &str| {
            let masked = self.echoes(&percent_decode_str(part).decode_utf8_lossy());
            masked.map_or_else(|| part.to_owned(), |masked| utf8_percent_encode(&masked, SHOWN).to_string())
        };
        path.split('/').map(shown).collect::<Vec<_>>().join("/")
    }

    /// A query.
    pub fn query(&mut self, query: &str) -> String {
        let mut masked = Vec::new();
        for pair in query.split('&') {
            let read = form_urlencoded::parse(pair.as_bytes()).next();
            let name_shown = pair.split('=').next().unwrap_or_default();
            match read {
                Some((name, _)) if self.echoes(&name).is_some() => masked.push(MASK.to_owned()),
                Some((name, value)) if is_hidden(&name, None, false) => {
                    self.hide(&value);
                    masked.push(format!("{name_shown}={MASK}"));
                }
                Some((_, value)) if self.echoes(&value).is_some() => masked.push(format!("{name_shown}={MASK}")),
                _ => masked.push(pair.to_owned()),
            }
        }
        masked.join("&")
    }

    /// A body; one in which nothing is hidden stays as it is to the byte, because writes are told apart by that. One that is
    /// no JSON is not shown: there is no telling what in it is secret.
    pub fn body(&mut self, body: &[u8]) -> Option<MaskedBody> {
        if body.is_empty() {
            return None;
        }
        let mut text = String::new();
        match serde_json::from_slice::<&RawValue>(body) {
            Ok(value) => {
                self.has_changed = false;
                self.write(&mut text, value, &Place { parent: None, hide: false, is_login: false, depth: 0 });
                if !self.has_changed {
                    text = String::from_utf8_lossy(body).into_owned();
                }
            }
            Err(_) => "(no JSON)".clone_into(&mut text),
        }
        let cut = text.len() > BODY_BYTES_MAX;
        text.truncate(text.floor_char_boundary(BODY_BYTES_MAX));
        text.shrink_to_fit();
        Some(MaskedBody { text, bytes: body.len(), cut })
    }

    fn write(&mut self, out: &mut String, value: &RawValue, place: &Place<'_>) {
        if place.depth > DEPTH_MAX {
            self.mask(out);
            return;
        }
        match Node::of(value) {
            Node::Object(pairs) => {
                // What has a code is an entry of a dictionary, and its name nobody's.
                let has_code = pairs.iter().any(|(name, _)| name == "code");
                out.push('{');
                for (index, (name, value)) in pairs.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    self.name(out, name, place);
                    out.push(':');
                    let is_object = value.get().starts_with('{');
                    let is_proof = PROOFS.contains(&plain(name).as_str()) && is_object;
                    let is_login = place.is_login || plain(name) == LOGIN;
                    let hide = place.hide
                        || (!is_proof && is_hidden(name, place.parent, has_code))
                        || (is_login && !is_object && !says_who(name, value.get()));
                    self.write(out, value, &Place { parent: Some(name), hide, is_login, depth: place.depth + 1 });
                }
                out.push('}');
            }
            Node::Array(values) => {
                out.push('[');
                for (index, value) in values.into_iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    self.write(out, value, &Place { depth: place.depth + 1, ..*place });
                }
                out.push(']');
            }
            Node::Text(text) if place.hide => {
                self.hide(&text);
                self.mask(out);
            }
            Node::Text(text) => match self.echoes(&text) {
                Some(masked) => {
                    self.has_changed = true;
                    out.push_str(&quoted(&masked));
                }
                None => out.push_str(value.get()),
            },
            Node::Plain(text @ ("true" | "false" | "null")) => out.push_str(text),
            Node::Plain(number) if place.hide => {
                self.hide(number);
                self.mask(out);
            }
            Node::Plain(number) => match self.echoes(number) {
                Some(_) => self.mask(out),
                None => out.push_str(number),
            },
        }
    }

    /// A field's name, which may itself be what was to be hidden.
    fn name(&mut self, out: &mut String, name: &str, place: &Place<'_>) {
        let is_doubtful = (place.hide || place.is_login) && words::field(name) != name;
        match self.echoes(name) {
            None if !is_doubtful => out.push_str(&quoted(name)),
            Some(_) | None => {
                self.hide(name);
                self.mask(out);
            }
        }
    }

    fn mask(&mut self, out: &mut String) {
        self.has_changed = true;
        out.push_str(&quoted(MASK));
    }

    fn hide(&mut self, value: &str) {
        if self.is_answered || self.hidden.len() >= ECHOES_MAX {
            return;
        }
        let encoded = utf8_percent_encode(value, ENCODED).to_string();
        let is_new = |value: &&str| value.len() >= ECHO_BYTES_MIN && *value != MASK;
        for value in [value, encoded.as_str()].into_iter().filter(is_new) {
            if !self.hidden.iter().any(|known| known == value) {
                self.hidden.push(value.to_owned());
            }
        }
    }

    /// The text without what was hidden before, and without what reads like a phone or an e-mail address wherever it stands,
    /// if it holds any of that.
    fn echoes(&self, text: &str) -> Option<String> {
        let repeated = self.hidden.iter().filter(|hidden| text.contains(hidden.as_str()));
        let masked: Option<String> = repeated
            .fold(None, |masked, hidden| Some(masked.as_deref().unwrap_or(text).replace(hidden.as_str(), MASK)));
        without_receivers(masked.as_deref().unwrap_or(text), MASK).or(masked)
    }
}

/// Where in a body a value stands.
struct Place<'a> {
    parent: Option<&'a str>,
    hide: bool,
    /// Whether it says who logs in.
    is_login: bool,
    depth: usize,
}

/// Whether a part of a login says only who logs in, for what, or by which methods.
fn says_who(name: &str, value: &str) -> bool {
    let name = plain(name);
    match name.as_str() {
        "methods" => {
            let known = ["password", "token", "totp", "assume_role"];
            serde_json::from_str::<Vec<&str>>(value)
                .is_ok_and(|given| given.iter().all(|method| known.contains(method)))
        }
        _ => value.starts_with('"') && (name.ends_with("name") || name.ends_with("id")),
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(|letter| !"_-".contains(*letter)).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Whether what has this name, below `parent`, is a secret or personal. `has_code`: beside it stands a code.
fn is_hidden(name: &str, parent: Option<&str>, has_code: bool) -> bool {
    let (name, parent) = (plain(name), plain(parent.unwrap_or_default()));
    match name.as_str() {
        "name" => !has_code && !LOGINS.contains(&parent.as_str()),
        "id" => parent == "token",
        _ => {
            let mut parts = SECRETS.iter().chain(&REACHES_A_PERSON);
            parts.any(|part| name.contains(part)) || PERSONAL.contains(&name.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn masked(body: &str) -> String {
        Masker::default().body(body.as_bytes()).expect("there is a body").text
    }

    /// Every name of a field or a parameter in the contract.
    fn contract() -> BTreeSet<String> {
        let contract: Value = serde_json::from_str(include_str!("../../../openapi/contract.json")).expect("it is JSON");
        let operations = contract["operations"].as_array().expect("operations").iter();
        let parameters = operations.flat_map(|operation| operation["params"].as_array().expect("parameters"));
        let fields = contract["models"].as_object().expect("models").values();
        let fields = fields.flat_map(|model| model.as_array().expect("fields"));
        parameters.chain(fields).map(|field| field["name"].as_str().expect("a name").to_owned()).collect()
    }

    #[test]
    fn these_names_of_the_contract_are_hidden_and_no_others() {
        let hidden: Vec<String> = contract().into_iter().filter(|name| is_hidden(name, None, false)).collect();
        let expected = "account_manager_name address addressInfo bank_account corp_name customer customer_name \
                        display_name email indirect_partner_name invoiceTitle legel_id_number legel_name mobile \
                        mobilePhone mobile_phone mobile_remain_available_num name partner_corp_name password qr_code_url \
                        recipients reg_address search_value sm_template_args sub_customer_display_name telephone \
                        use_pri_mobile_phone verification_code verified_file_url verified_number";
        assert_eq!(hidden, expected.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn a_value_is_hidden_wherever_its_field_stands_and_the_rest_stays_as_it_came() {
        let body = r#"{"zeta":1.50,"new_customers":[{"mobile_phone":13812345678,"name":"Li Lei"}],"amount":1E+2}"#;
        let expected = r#"{"zeta":1.50,"new_customers":[{"mobile_phone":"***","name":"***"}],"amount":1E+2}"#;
        assert_eq!(masked(body), expected);
        let spaced = "{ \"limit\" : 5.0,\n\"region\": \"\"}";
        assert_eq!(masked(spaced), spaced, "nothing is hidden");
        assert_eq!(masked(r#"{"passw\u006frd":"x"}"#), r#"{"password":"***"}"#, "however it is written");
        assert_eq!(
            masked(r#"{"address_info":{"a":["b",{"c":2}],"d":true}}"#),
            r#"{"address_info":{"a":["***",{"c":"***"}],"d":true}}"#
        );
        assert_eq!(masked(r#"[{"code":"CN-13","name":"Hebei"}]"#), r#"[{"code":"CN-13","name":"Hebei"}]"#);
    }

    #[test]
    fn a_login_shows_who_and_not_how() {
        let user = json!({"name": "clerk", "password": "Secret-1", "domain": {"name": "demo"}, "passcode": "123456"});
        let identity = json!({"password": {"user": user}, "token": {"id": "MIIC"}, "totp": {"user": {"passcode": 1}}});
        let shown = masked(&identity.to_string());
        for secret in ["Secret-1", "123456", "MIIC"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("clerk") && shown.contains("demo"), "{shown}");
        let credential = json!({"credential": {"access": "HST1", "secret": "s1", "securitytoken": "t1"}});
        assert_eq!(
            masked(&credential.to_string()),
            r#"{"credential":{"access":"HST1","secret":"***","securitytoken":"***"}}"#
        );
    }

    #[test]
    fn what_was_hidden_is_hidden_in_the_answer_too() {
        let mut masker = Masker::default();
        let query = masker.query("limit=5&mobile_phone=%2B86%2013812345678&x");
        assert_eq!(query, "limit=5&mobile_phone=***&x");
        masker.answer();
        let refusal = json!({"error_msg": "no +86 13812345678|mobile_phone=%2B86%2013812345678|"}).to_string();
        let shown = masker.body(refusal.as_bytes()).expect("a body").text;
        assert_eq!(shown, r#"{"error_msg":"no ***|mobile_phone=***|"}"#);
    }

    #[test]
    fn headers_keep_the_key_and_lose_the_signature() {
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value| headers.insert(name, HeaderValue::from_static(value));
        add("authorization", "SDK-HMAC-SHA256 Access=AK1, SignedHeaders=host;x-sdk-date, Signature=0a1b2c");
        add("x-auth-token", "MIIC");
        add("x-security-token", "ggh1");
        add("idempotency-key", "order-1");
        let masked = Masker::default().headers(&headers);
        let authorization = "SDK-HMAC-SHA256 Access=AK1, SignedHeaders=host;x-sdk-date, Signature=***";
        assert_eq!(masked["authorization"], authorization);
        assert_eq!([&masked["x-auth-token"], &masked["x-security-token"]], [MASK, MASK]);
        assert_eq!(masked["idempotency-key"], "order-1");
        headers.insert("authorization", HeaderValue::from_static("Bearer abcdef"));
        assert_eq!(Masker::default().headers(&headers)["authorization"], MASK);
    }

    #[test]
    fn long_and_deep_bodies_are_cut_and_others_than_json_are_not_shown() {
        let body = format!(r#"{{"password":"x","memo":"{}"}}"#, "ä".repeat(BODY_BYTES_MAX));
        let kept = Masker::default().body(body.as_bytes()).expect("a body");
        assert!(kept.cut && kept.text.len() <= BODY_BYTES_MAX && kept.bytes == body.len());
        let deep = format!("{}\"core\"{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(!masked(&deep).contains("core"));
        assert_eq!(masked("password=geheim"), "(no JSON)");
    }
}
