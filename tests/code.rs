//! What the code must be like, found by reading it: it needs neither to be compiled nor a database.

mod codes;
mod dependencies;
mod files;
mod layers_of_code;
mod lenient;
mod links;
mod statements;
