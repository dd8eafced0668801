//! The configuration: config/default.toml, then a file, then the environment. What is not known is refused by name.

use crate::signature::Algorithm;
use crate::values::rate::Rate;
use crate::values::receiver::Receiver;
use crate::values::site::Site;
use anyhow::{Context, bail};
use ipnet::IpNet;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use toml::{Table, Value};

const DEFAULTS: &str = include_str!("../config/default.toml");
const PREFIX: &str = "BSS_";

/// All settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Listeners and limits.
    pub server: ServerSettings,
    /// PostgreSQL.
    pub database: DatabaseSettings,
    /// What is served.
    pub api: ApiSettings,
    /// Signatures and tokens.
    pub identity: IdentitySettings,
    /// How often operations may be called.
    pub quotas: QuotaSettings,
    /// Transfers.
    pub ledger: LedgerSettings,
    /// Customers' registration.
    pub customers: CustomerSettings,
    /// Orders.
    pub orders: OrderSettings,
    /// Codes to phones and e-mail addresses.
    pub messages: MessageSettings,
    /// Real-name authentication.
    pub real_name: RealNameSettings,
    /// What partners are told.
    pub notifications: NotificationSettings,
    /// Where accounts let events be sent.
    pub webhooks: WebhookSettings,
    /// Where files go that accounts have subscribed to.
    pub files: FileSettings,
    /// The page for developers.
    pub explorer: ExplorerSettings,
    /// What only the sandbox may do.
    pub sandbox: SandboxSettings,
    /// Keys of the keys.
    pub secrets: SecretSettings,
    /// Logs.
    pub log: LogSettings,
}

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// The API's address.
    pub listen: SocketAddr,
    /// The operators' address.
    pub operator_listen: SocketAddr,
    /// Where callers find the API.
    pub public_url: String,
    /// Whose `X-Forwarded-For` and `X-Forwarded-Host` are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins whose pages may call from a browser.
    pub allowed_origins: Vec<String>,
    /// Longest body.
    pub max_body_bytes: usize,
    /// Most bytes of bodies at once.
    pub max_bodies_bytes: usize,
    /// Most connections at once.
    pub max_connections: usize,
    /// Most connections at once from one address.
    pub max_connections_per_address: usize,
    /// Time for the headers.
    pub header_timeout_seconds: u64,
    /// Time between two requests on a connection.
    pub idle_timeout_seconds: u64,
    /// Time for a client to read a part of an answer.
    pub write_timeout_seconds: u64,
    /// Time for a request.
    pub request_timeout_seconds: u64,
    /// Time for running requests at the end.
    pub drain_seconds: u64,
    /// Time between "not ready" and the end of accepting.
    pub not_ready_seconds: u64,
}

/// The address of a listener as a browser opens it: that of all addresses is none.
pub fn openable(listen: SocketAddr) -> String {
    let ip = if listen.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { listen.ip() };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

impl ServerSettings {
    /// Where callers find the API, without a slash at its end.
    pub fn public_address(&self) -> String {
        match self.public_url.trim_end_matches('/') {
            "" => openable(self.listen),
            address => address.to_owned(),
        }
    }
}

/// `[database]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// Where it is.
    pub url: DatabaseUrl,
    /// Where changes are announced.
    pub control_url: DatabaseUrl,
    /// Connections of this replica.
    pub max_connections: u32,
    /// How long a request waits for one.
    pub acquire_timeout_seconds: u64,
    /// How long a transaction may do nothing before the database ends it.
    pub idle_transaction_seconds: u64,
    /// How long a statement may take before the database ends it; 0 is as long as it needs.
    pub statement_seconds: u64,
    /// Whether `serve` applies migrations.
    pub migrate_on_start: bool,
}

impl DatabaseSettings {
    /// Where migrations run and changes are announced.
    pub fn control_url(&self) -> &str {
        if self.control_url.reveal().is_empty() { self.url.reveal() } else { self.control_url.reveal() }
    }
}

/// `[api]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiSettings {
    /// Whose operations are served.
    pub site: Site,
    /// Age at which answers under a key are forgotten.
    pub idempotency_days: u32,
}

/// `[identity]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentitySettings {
    /// Validity of tokens.
    pub token_hours: u32,
    /// Signatures that are accepted; without any, only tokens are.
    pub algorithms: Vec<Algorithm>,
    /// Leeway of `X-Sdk-Date`.
    pub clock_skew_seconds: u32,
    /// Failures in a row that do not lock yet.
    pub failures_before_lock: u32,
    /// Length of a lock.
    pub lock_seconds: u64,
    /// Age at which remembered keys and tokens are read again.
    pub max_age_seconds: u64,
    /// Whether a refused signature is explained.
    pub explain_refusals: bool,
    /// Demand a signed `host`.
    pub require_signed_host: bool,
    /// Demand a signed body.
    pub require_bound_body: bool,
}

/// `[sandbox]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxSettings {
    /// Whether faults can be asked for and requests are logged.
    pub enabled: bool,
    /// How many of the last requests are kept.
    pub request_log_length: usize,
}

/// `[quotas]`
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaSettings {
    /// Calls/seconds by operation id.
    #[serde(rename = "override")]
    pub overrides: HashMap<String, RateText>,
}

impl QuotaSettings {
    /// The quota of an operation.
    pub fn of(&self, operation: &str, declared: Rate) -> Rate {
        self.overrides.get(operation).or_else(|| self.overrides.get("*")).map_or(declared, |rate| rate.0)
    }
}

/// `[ledger]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerSettings {
    /// Queues, each with a transaction of its own.
    pub writers: usize,
    /// Most commands in a transaction.
    pub batch_max: usize,
    /// Most commands that wait in a queue.
    pub queue_length: usize,
    /// Minutes between two proofs; 0 for none.
    pub proof_minutes: u64,
    /// Whether tenants share a transaction.
    pub mix_tenants: bool,
}

/// `[customers]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerSettings {
    /// Most accounts that register with one phone.
    pub accounts_per_phone: i32,
    /// How long a request waits for the association it asks for.
    pub association_wait_seconds: u64,
}

impl CustomerSettings {
    /// Most accounts that register with a phone or an address.
    pub fn accounts_with(&self, receiver: &Receiver) -> i32 {
        match receiver {
            Receiver::Phone(_) => self.accounts_per_phone,
            Receiver::Email(_) => 1,
        }
    }
}

/// `[orders]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderSettings {
    /// How long an order waits to be paid.
    pub payment_hours: u32,
    /// After how many seconds what is paid is provided; 0: services report it.
    pub provision_seconds: u32,
}

/// `[messages]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageSettings {
    /// The mail server; it may name a user and a password.
    pub smtp_url: Secret,
    /// Who mails are from.
    pub mail_from: String,
    /// Where texts for phones are posted.
    pub sms_url: Secret,
    /// Whether codes stay readable in the database: the sandbox's.
    pub readable_codes: bool,
}

/// `[notifications]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationSettings {
    /// Signs them: an RSA key, PKCS #8 in PEM.
    pub signing_key: Secret,
    /// Its certificate in PEM, for partners.
    pub certificate: String,
    /// How long a partner's server may take.
    pub timeout_seconds: u64,
}

/// `[webhooks]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Schemes of the addresses that can be registered.
    pub schemes: Vec<String>,
    /// Networks that are called although they are not open to all.
    pub allowed_networks: Vec<IpNet>,
    /// Most endpoints of an account.
    pub endpoints_per_account: i64,
}

/// `[files]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// Where they lie that go into no bucket.
    pub folder: String,
    /// Most subscriptions of an account.
    pub subscriptions_per_account: i64,
}

/// `[real_name]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RealNameSettings {
    /// Who reviews.
    pub review: Review,
    /// Most customers that are verified with one document.
    pub customers_per_document: i32,
    /// After so many refusals a customer cannot apply again.
    pub attempts_max: i64,
    /// Where the partners' buckets are mounted.
    pub buckets: String,
    /// What a QR code leads to, before the ticket.
    pub face_url: String,
}

/// Who reviews an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Review {
    /// The operator.
    Manual,
    /// A rule that looks at the number: for the sandbox.
    Automatic,
}

/// A [`Rate`] as it is written in the configuration.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RateText(pub Rate);

impl TryFrom<String> for RateText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

impl From<RateText> for String {
    fn from(rate: RateText) -> Self {
        rate.0.to_string()
    }
}

/// `[explorer]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplorerSettings {
    /// Whether it is served.
    pub enabled: bool,
    /// Filled in for visitors.
    pub demo_access_key: String,
    /// Filled in for visitors.
    pub demo_secret_key: Secret,
}

/// `[secrets]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretSettings {
    /// Seals and opens.
    pub master_key: Secret,
    /// Only open.
    pub retired_master_keys: Vec<Secret>,
}

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// For machines or for people.
    pub format: LogFormat,
    /// Which events.
    pub filter: String,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a terminal.
    Pretty,
}

/// A text that is never shown: printed and serialised it says only whether it is set.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it is not set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "\"\"" } else { "<hidden>" })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.is_empty() { "" } else { "<hidden>" })
    }
}

/// A database address; its password is never shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The address with its password.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn masked(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return self.0.clone() };
        let query = rest.find('?').unwrap_or(rest.len());
        let (address, options) = rest.split_at(query);
        // Options may carry a password as well.
        let options = if options.contains("password") { "?<hidden>" } else { options };
        match address.rsplit_once('@') {
            Some((user, host)) => {
                let user = user.split(':').next().unwrap_or_default();
                format!("{scheme}://{user}:<hidden>@{host}{options}")
            }
            None => format!("{scheme}://{address}{options}"),
        }
    }
}

impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

impl Settings {
    /// The defaults, overridden by `file` and then by `environment`.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut table: Table = DEFAULTS.parse().context("config/default.toml")?;
        if let Some(path) = file {
            let text = fs_err::read_to_string(path)?;
            let overrides: Table = text.parse().with_context(|| format!("reading {}", path.display()))?;
            merge(&mut table, overrides).with_context(|| format!("in {}", path.display()))?;
        }
        apply_environment(&mut table, environment)?;
        let settings: Self = Value::Table(table).try_into().context("the configuration")?;
        Ok(settings)
    }

    /// The defaults alone.
    #[cfg(any(test, feature = "testing"))]
    pub fn defaults() -> Self {
        Self::load(None, std::iter::empty()).expect("config/default.toml is complete")
    }

    /// The effective configuration, secrets hidden.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("settings are tables of plain values")
    }
}

/// Overrides known keys only.
fn merge(table: &mut Table, overrides: Table) -> anyhow::Result<()> {
    for (section, values) in overrides {
        let known = table.get_mut(&section).and_then(Value::as_table_mut);
        let known = known.with_context(|| format!("unknown section [{section}]"))?;
        let Value::Table(values) = values else { bail!("`{section}` must be a section") };
        for (key, value) in values {
            let slot = known.get_mut(&key).with_context(|| format!("unknown key {section}.{key}"))?;
            *slot = value;
        }
    }
    Ok(())
}

fn apply_environment(table: &mut Table, environment: impl Iterator<Item = (String, String)>) -> anyhow::Result<()> {
    let mut variables: Vec<(String, String)> = environment
        .filter_map(|(name, value)| match name.as_str() {
            "DATABASE_URL" => Some(("DATABASE_URL".to_owned(), value)),
            _ => name.strip_prefix(PREFIX).map(|name| (name.to_owned(), value)),
        })
        .collect();
    // BSS_DATABASE_URL wins over DATABASE_URL; the order of the environment must not matter.
    variables.sort_by_key(|(name, _)| name != "DATABASE_URL");
    for (name, text) in variables {
        let (name, text) = match name.strip_suffix("_FILE") {
            Some(base) if slot(table, base).is_some() => {
                let value = fs_err::read_to_string(&text).with_context(|| format!("{PREFIX}{name}"))?;
                (base.to_owned(), value.trim_end().to_owned())
            }
            _ => (name, text),
        };
        let slot = slot(table, &name).with_context(|| format!("unknown setting {PREFIX}{name}"))?;
        *slot = parse_like(slot, &text).with_context(|| format!("{PREFIX}{name}"))?;
    }
    Ok(())
}

/// `SERVER_MAX_BODY_BYTES` is `server.max_body_bytes`.
fn slot<'a>(table: &'a mut Table, name: &str) -> Option<&'a mut Value> {
    let name = name.to_ascii_lowercase();
    // A section's name may hold an underscore itself.
    let splits = name.match_indices('_').map(|(at, _)| (&name[..at], &name[at + 1..]));
    let known = |(section, key): &(&str, &str)| table.get(*section).and_then(|values| values.get(*key)).is_some();
    let (section, key) = splits.into_iter().find(known)?;
    table.get_mut(section)?.as_table_mut()?.get_mut(key)
}

/// Text stays text; everything else is written as in a TOML file.
fn parse_like(known: &Value, text: &str) -> anyhow::Result<Value> {
    if known.is_str() {
        return Ok(Value::String(text.to_owned()));
    }
    let parsed: Table = format!("value = {text}").parse()?;
    Ok(parsed["value"].clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)]) -> anyhow::Result<Settings> {
        let path = tempfile::NamedTempFile::new()?;
        std::fs::write(path.path(), file)?;
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::load(Some(path.path()), environment)
    }

    fn refusal(file: &str, environment: &[(&str, &str)]) -> String {
        format!("{:#}", load(file, environment).expect_err("it is refused"))
    }

    #[test]
    fn the_environment_overrides_the_file_and_the_file_the_defaults() {
        let settings = load(
            "[server]\ndrain_seconds = 7\nheader_timeout_seconds = 8\n",
            &[("BSS_SERVER_DRAIN_SECONDS", "9"), ("BSS_SERVER_TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"), ("HOME", "/x")],
        )
        .expect("it loads");
        assert_eq!((settings.server.drain_seconds, settings.server.header_timeout_seconds), (9, 8));
        assert_eq!(settings.server.request_timeout_seconds, 30);
        assert_eq!(settings.server.trusted_proxies.len(), 1);
    }

    #[test]
    fn what_is_unknown_is_refused_by_name() {
        assert!(refusal("[server]\nlisen = \"x\"\n", &[]).contains("server.lisen"));
        assert!(refusal("[sever]\nlisten = \"x\"\n", &[]).contains("[sever]"));
        assert!(refusal("", &[("BSS_SERVER_LISEN", "x")]).contains("BSS_SERVER_LISEN"));
        assert!(refusal("", &[("BSS_SERVER_DRAIN_SECONDS", "soon")]).contains("BSS_SERVER_DRAIN_SECONDS"));
        assert!(refusal("[quotas]\noverride = { ListCities = \"fast\" }\n", &[]).contains("`fast` is no quota"));
        let algorithms = refusal("[identity]\nalgorithms = [\"SDK-HMAC-SHA256\", \"SDK-HMAC-MD5\"]\n", &[]);
        assert!(algorithms.contains("`SDK-HMAC-MD5` is no signature algorithm"), "{algorithms}");
    }

    #[test]
    fn every_algorithm_is_accepted_unless_a_deployment_names_fewer() {
        assert_eq!(Settings::defaults().identity.algorithms, Algorithm::ALL);
        let settings = load("", &[("BSS_IDENTITY_ALGORITHMS", "[\"SDK-HMAC-SM3\"]")]).expect("it loads");
        assert_eq!(settings.identity.algorithms, [Algorithm::HmacSm3]);
        assert!(settings.to_toml().contains("algorithms = [\"SDK-HMAC-SM3\"]"), "{}", settings.to_toml());
    }

    #[test]
    fn a_secret_can_come_from_a_file() {
        let secret = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(secret.path(), "abc\n").expect("it is written");
        let path = secret.path().to_str().expect("a plain path");
        let settings = load("", &[("BSS_SECRETS_MASTER_KEY_FILE", path)]).expect("it loads");
        assert_eq!(settings.secrets.master_key.reveal(), "abc");
    }

    #[test]
    fn secrets_are_not_shown() {
        let settings = load(
            "",
            &[
                ("DATABASE_URL", "postgres://app:pass1@db/bss"),
                ("BSS_DATABASE_CONTROL_URL", "postgres://db/bss?user=app&password=pass2"),
                ("BSS_SECRETS_MASTER_KEY", "pass3"),
                ("BSS_SECRETS_RETIRED_MASTER_KEYS", "[\"pass4\"]"),
                ("BSS_EXPLORER_DEMO_SECRET_KEY", "pass5"),
            ],
        )
        .expect("it loads");
        assert_eq!(settings.database.url.reveal(), "postgres://app:pass1@db/bss");
        for shown in [settings.to_toml(), format!("{settings:?}")] {
            assert!(shown.contains("app") && !shown.contains("pass1"), "{shown}");
            for secret in ["pass2", "pass3", "pass4", "pass5"] {
                assert!(!shown.contains(secret), "{secret} is in {shown}");
            }
        }
    }

    #[test]
    fn a_quota_override_names_an_operation_or_all_others() {
        let settings =
            load("[quotas]\noverride = { ListCities = \"20/1\", \"*\" = \"5/2\" }\n", &[]).expect("it loads");
        let declared = Rate::per_second(10);
        assert_eq!(settings.quotas.of("ListCities", declared).to_string(), "20/1");
        assert_eq!(settings.quotas.of("ListCounties", declared).to_string(), "5/2");
        assert_eq!(QuotaSettings::default().of("ListCities", declared), declared);
    }
}
