//! Small types with rules. A value that exists is valid; the wire form, the rule and its schema stand together.

pub mod amount;
pub mod coded;
pub mod decimal;
pub mod id;
pub mod language;
pub mod list;
pub mod money;
pub mod number;
pub mod pause;
pub mod rate;
pub mod receiver;
pub mod site;
pub mod text;
pub mod time;
pub mod truth;
pub mod words;
