//! The domain: its rules, its tables, and all of it through the router.

mod router;
mod rules;
mod tables;
