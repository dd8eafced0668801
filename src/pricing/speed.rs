//! How fast items are rated: `cargo test --release --lib pricing::speed -- --ignored --nocapture`.

use super::cases;
use super::discounts::{CustomerTerms, in_order};
use super::list_on_demand_resource_ratings::{RateOnDemandReq, decide};
use super::model::Currency;
use super::quote::Quoting;
use super::rating::Trace;
use crate::api::extract::parse_json;
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;

const ITEMS: usize = 100;
const ROUNDS: usize = 20_000;

/// A request for a hundred items of eight kinds.
fn request() -> String {
    let kinds = [
        json!({"resource_spec": "server", "usage_factor": "Duration", "usage_measure_id": 4}),
        json!({"resource_spec": "server", "usage_factor": "Duration", "usage_measure_id": 6}),
        json!({"resource_spec": "disk", "usage_factor": "Duration", "usage_measure_id": 4, "resource_size": 40, "size_measure_id": 17}),
        json!({"resource_spec": "bandwidth", "usage_factor": "Duration", "usage_measure_id": 4, "resource_size": 10, "size_measure_id": 15}),
        json!({"resource_spec": "storage", "usage_factor": "size", "usage_measure_id": 10}),
        json!({"resource_spec": "traffic", "usage_factor": "upflow", "usage_measure_id": 11}),
        json!({"resource_spec": "requests", "usage_factor": "get", "usage_measure_id": 14}),
        json!({"resource_spec": "flat", "usage_factor": "count", "usage_measure_id": 14}),
    ];
    let info = |id: usize| {
        let mut info = json!({"id": id.to_string(), "cloud_service_type": "service-open", "resource_type": "open",
            "region": "here", "usage_value": 1 + id * 13, "subscription_num": 1 + id % 3});
        let kind = kinds[id % kinds.len()].as_object().expect("it is one").clone();
        info.as_object_mut().expect("it is one").extend(kind);
        info
    };
    json!({"project_id": "any", "product_infos": (0..ITEMS).map(info).collect::<Vec<_>>()}).to_string()
}

#[expect(clippy::cast_precision_loss, clippy::print_stdout, reason = "a figure for people")]
fn measure(what: &str, mut round: impl FnMut()) {
    let started = Instant::now();
    (0..ROUNDS).for_each(|_| round());
    let seconds = started.elapsed().as_secs_f64();
    println!("{what}: {:.0} items/s on one core", (ROUNDS * ITEMS) as f64 / seconds);
}

#[test]
#[ignore = "a measurement, for a release build"]
fn items_rated_each_second() {
    let pricing = cases::pricing();
    let text = request();
    let request: RateOnDemandReq = parse_json(text.as_bytes()).expect("the request is right");
    for names in [&[][..], &["com80", "par90", "up95"][..]] {
        let discounts = in_order(names.iter().map(|name| cases::discount(name)).collect());
        let customer = CustomerTerms { currency: Currency::Cny, discounts };
        let quoting = Quoting { pricing: &pricing, customer: &customer, now: cases::NOW };
        let of = |what: &str| format!("{what}, {} discounts", names.len());
        measure(&of("rating"), || {
            black_box(request.rate(black_box(&quoting), &mut Trace::default()).expect("it is rated"));
        });
        measure(&of("reading, rating and writing JSON"), || {
            let request: RateOnDemandReq = parse_json(black_box(text.as_bytes())).expect("the request is right");
            let answer = decide(&request, &quoting).expect("it is rated");
            black_box(serde_json::to_vec(&answer).expect("it is written"));
        });
    }
}
