//! The worked cases: each row of `costs.csv` through the functions of the database that are the rule.

use super::super::amortisation::payers;
use crate::orders::tests::decimal;
use crate::values::time::{Day, Month};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use time::Date;

const CASES: &str = include_str!("costs.csv");

#[derive(serde::Deserialize)]
struct Case {
    id: String,
    inputs: String,
    expected: String,
}

fn cases() -> Vec<(String, Value, Value)> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(CASES.as_bytes());
    let rows = reader.deserialize().map(|row| row.expect("a row"));
    let json = |text: &str| serde_json::from_str(text).expect(text);
    rows.map(|case: Case| (case.id, json(&case.inputs), json(&case.expected))).collect()
}

fn case(id: &str) -> (Value, Value) {
    let found = cases().into_iter().find(|case| case.0 == id).expect(id);
    (found.1, found.2)
}

fn day(value: &Value) -> Date {
    serde_json::from_value::<Day>(value.clone()).expect("a day").0
}

fn month(text: &str) -> Month {
    serde_json::from_value(text.into()).expect("a month")
}

/// A period that was paid for.
#[derive(Clone, Copy)]
struct Paid {
    amount: Decimal,
    first: Date,
    last: Date,
    ends: Date,
}

impl Paid {
    fn of(inputs: &Value) -> Self {
        let last = day(&inputs["to"]);
        Self { amount: decimal(&inputs["paid"]), first: day(&inputs["from"]), last, ends: last }
    }

    /// What has counted at the end of a day.
    async fn counted(&self, connection: &mut PgConnection, day: Date) -> Decimal {
        let counted = sqlx::query_scalar("select amortised($1, $2, $3, $4, $5)");
        let counted = counted.bind(self.amount).bind(self.first).bind(self.last).bind(self.ends).bind(day);
        counted.fetch_one(connection).await.expect("it is computed")
    }

    async fn in_month(&self, connection: &mut PgConnection, month: Month) -> Decimal {
        let before = month.first_day().previous_day().expect("a day");
        self.counted(connection, month.last_day()).await - self.counted(connection, before).await
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn each_month_counts_its_days(pool: PgPool) {
    let mut connection = pool.acquire().await.expect("a connection");
    for (id, inputs, expected) in cases().into_iter().filter(|case| !case.1["from"].is_null()) {
        let paid = Paid::of(&inputs);
        assert_eq!((paid.last - paid.first).whole_days() + 1, expected["days"].as_i64().expect("a number"), "{id}");
        let mut sum = Decimal::ZERO;
        for (name, amount) in expected["months"].as_object().expect("months") {
            let counts = paid.in_month(&mut connection, month(name)).await;
            assert_eq!(counts, decimal(amount), "{id} {name}");
            sum += counts;
        }
        assert_eq!(sum, paid.amount, "{id}");
    }
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn a_month_stands_between_those_before_and_after_it(pool: PgPool) {
    let mut connection = pool.acquire().await.expect("a connection");
    let ((bought, _), (inputs, expected)) = (case("C01"), case("C06"));
    let (paid, april) = (Paid::of(&bought), month(inputs["shared_month"].as_str().expect("a month")));
    let past = paid.counted(&mut connection, april.first_day().previous_day().expect("a day")).await;
    let upto = paid.counted(&mut connection, april.last_day()).await;
    assert_eq!(past, decimal(&expected["past_months_amortized_amount"]));
    assert_eq!(upto - past, decimal(&expected["current_month_amortized_amount"]));
    assert_eq!(paid.amount - upto, decimal(&expected["future_months_amortized_amount"]));

    // Use counts in its month, and in no other.
    let (inputs, expected) = case("C09");
    let used = Paid { amount: decimal(&inputs["consume"]), last: paid.first, ends: paid.first, ..paid };
    let march = used.in_month(&mut connection, month("2024-03")).await;
    assert_eq!(march, decimal(&expected["current"]));
    assert_eq!(used.in_month(&mut connection, april).await, decimal(&expected["past"]));
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn what_is_given_back_counts_up_to_that_day(pool: PgPool) {
    let mut connection = pool.acquire().await.expect("a connection");
    let ((bought, _), (inputs, expected)) = (case("C01"), case("C07"));
    let ended = day(&json!("2024-04-11"));
    let paid = Paid { ends: ended, ..Paid::of(&bought) };
    let refund = Paid { amount: -decimal(&inputs["returned"]), first: ended, last: ended, ends: ended };
    let mut total = Decimal::ZERO;
    for (name, expected_in) in [("2024-03", "march"), ("2024-04", "april"), ("2024-05", "may")] {
        let (month, connection) = (month(name), &mut *connection);
        let counts = paid.in_month(connection, month).await + refund.in_month(connection, month).await;
        assert_eq!(counts, decimal(&expected[expected_in]), "{name}");
        total += counts;
    }
    assert_eq!(total, decimal(&expected["total"]));
    // A renewal that had not begun counts nothing before, and everything on the day it is given back.
    let ahead = Paid { first: day(&json!("2024-06-02")), last: day(&json!("2024-07-01")), ..paid };
    assert_eq!(ahead.in_month(&mut connection, month("2024-04")).await, ahead.amount);
    assert_eq!(ahead.in_month(&mut connection, month("2024-06")).await, Decimal::ZERO);
}

#[sqlx::test(migrator = "crate::database::MIGRATOR")]
async fn who_paid_shares_in_proportion_and_the_last_takes_the_rest(pool: PgPool) {
    let mut connection = pool.acquire().await.expect("a connection");
    let ((bought, _), (inputs, expected)) = (case("C01"), case("C08"));
    let (paid, april) = (Paid::of(&bought), month("2024-04"));
    let past = paid.counted(&mut connection, april.first_day().previous_day().expect("a day")).await;
    let upto = paid.counted(&mut connection, april.last_day()).await;
    let columns = payers("$5", "$6");
    let shares = format!(
        "select {} from (select $1::numeric as consume_amount, $2::numeric as cash_amount, $3::numeric as coupon_amount,
             $4::numeric as flexi_amount, 0::numeric as card_amount, 0::numeric as bonus_amount, 0::numeric as credit_amount) c",
        columns.trim_start_matches(", ")
    );
    let shares = sqlx::query_as::<_, (Decimal, Decimal, Decimal, Decimal, Decimal, Decimal)>(AssertSqlSafe(shares));
    let shares = shares.bind(paid.amount).bind(decimal(&inputs["cash"])).bind(decimal(&inputs["coupon"]));
    let (coupon, flexi, _, _, _, cash) =
        shares.bind(Decimal::ZERO).bind(past).bind(upto).fetch_one(&mut *connection).await.expect("it is computed");
    assert_eq!(coupon, decimal(&expected["amortized_coupon_amount"]));
    assert_eq!((cash, flexi), (decimal(&expected["amortized_cash_amount"]), Decimal::ZERO));

    // What is paid less what coupons paid: of the whole, and so of each part.
    let (inputs, expected) = case("C10");
    assert_eq!(decimal(&expected["PAYMENT_AMOUNT"]), decimal(&inputs["due"]));
    assert_eq!(decimal(&expected["NET_AMOUNT"]), decimal(&inputs["due"]) - decimal(&inputs["coupon"]));
}
