//! What the sandbox prints when it is ready: addresses, and who can call with which keys.

use super::world::World;
use super::world::accounts::{Account, EMPLOYER};
use super::world::situations;
use crate::config::openable;
use crate::server::Listeners;
use std::fmt::{self, Write as _};
use std::path::Path;

/// The text.
pub fn welcome(listeners: &Listeners, folder: &Path, database_url: &str, world: &World) -> anyhow::Result<String> {
    let (api, operators) = (openable(listeners.api_address()?), openable(listeners.operator_address()?));
    let token = &world.operators[0].token;
    let mut text = format!(
        "\nThe sandbox is ready.\n\n  API       {api}\n  Explorer  {api}/explorer\n  Metrics   {operators}/metrics\n  Operators {operators}/admin/docs/ with the token {token}\n  Data      {}\n  Database  {database_url}\n",
        folder.display()
    );
    write_operators(&mut text, world)?;
    write_accounts(&mut text, world)?;
    let demo = world.demo();
    writeln!(text, "\nFor the SDK as demo-partner, and for `bss-gateway admin …`, in another terminal:\n")?;
    writeln!(text, "  export HUAWEICLOUD_SDK_AK={} HUAWEICLOUD_SDK_SK={}", demo.access_key, demo.secret_key)?;
    let key = folder.join("master.key");
    writeln!(text, "  export DATABASE_URL='{database_url}' BSS_SECRETS_MASTER_KEY_FILE='{}'", key.display())?;
    writeln!(
        text,
        "\nEach account's user has the account's name. `bss-gateway sandbox keys` shows this again. Stop with Ctrl-C."
    )?;
    Ok(text)
}

fn write_operators(text: &mut String, world: &World) -> fmt::Result {
    writeln!(text, "\n  {:<26} {:<12} token", "operator", "role")?;
    for operator in &world.operators {
        let role = format!("{:?}", operator.role).to_lowercase();
        writeln!(text, "  {:<26} {role:<12} {}", operator.name, operator.token)?;
    }
    Ok(())
}

/// Tree by tree, with the users of the one account that has some behind its tree; then the scenarios.
fn write_accounts(text: &mut String, world: &World) -> fmt::Result {
    writeln!(text, "\n  {:<26} {:<12} {:<21} {:<41} password", "account", "kind", "access key", "secret key")?;
    let (scenarios, others): (Vec<_>, Vec<_>) =
        world.accounts.iter().partition(|account| situations::of_account(account.name).is_some());
    let mut tenant = None;
    for account in others {
        if tenant.is_some_and(|tenant| tenant != account.tenant) {
            if tenant == Some(world.account(EMPLOYER).tenant) {
                write_users(text, world)?;
            }
            writeln!(text)?;
        }
        tenant = Some(account.tenant);
        write_account(text, account)?;
    }
    writeln!(text, "\n  Scenarios, to be copied by name (GET /admin/v1/scenarios says what each holds):")?;
    scenarios.into_iter().try_for_each(|account| write_account(text, account))
}

fn write_account(text: &mut String, account: &Account) -> fmt::Result {
    let kind = format!("{:?}", account.kind).to_lowercase();
    write_row(text, (account.name, &kind), (&account.access_key, &account.secret_key, &account.password))
}

fn write_users(text: &mut String, world: &World) -> fmt::Result {
    writeln!(text, "  Users of {EMPLOYER} with some permissions each:")?;
    for user in &world.users {
        write_row(text, (user.name, "user"), (&user.access_key, &user.secret_key, &user.password))?;
    }
    Ok(())
}

fn write_row(text: &mut String, (name, kind): (&str, &str), key: (&str, &str, &str)) -> fmt::Result {
    let (access_key, secret_key, password) = key;
    writeln!(text, "  {name:<26} {kind:<12} {access_key:<21} {secret_key:<41} {password}")
}
