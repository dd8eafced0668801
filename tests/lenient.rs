//! Numbers and truth values of requests are read however clients write them: no field reads its type's own way.

use crate::files::{File, files};
use syn::{Attribute, Field, Fields, GenericArgument, Item, ItemStruct, PathArguments, Type};

/// Types that serde reads in one spelling only.
const STRICT: [&str; 13] =
    ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "usize", "isize", "f32", "f64", "bool"];

/// Whether it is read from a request and published in a document.
fn is_of_requests(item: &ItemStruct) -> bool {
    let derives = |name: &str| {
        let derives = item.attrs.iter().filter(|attribute| attribute.path().is_ident("derive"));
        derives.filter_map(|derive| derive.meta.require_list().ok()).any(|list| {
            list.tokens.to_string().split(|letter: char| !letter.is_alphanumeric()).any(|word| word == name)
        })
    };
    // What is written as well is stored and read again by ourselves.
    derives("Deserialize") && !derives("Serialize") && (derives("ToSchema") || derives("IntoParams"))
}

/// The type, or what it is an option of.
fn is_strict(of: &Type) -> bool {
    let Type::Path(path) = of else { return false };
    let Some(last) = path.path.segments.last() else { return false };
    if last.ident == "Option"
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(inner)) = arguments.args.first()
    {
        return is_strict(inner);
    }
    STRICT.iter().any(|strict| last.ident == strict)
}

fn says(attributes: &[Attribute], word: &str) -> bool {
    let serde = attributes.iter().filter(|attribute| attribute.path().is_ident("serde"));
    serde.filter_map(|serde| serde.meta.require_list().ok()).any(|list| list.tokens.to_string().contains(word))
}

fn bypasses(item: &ItemStruct) -> Vec<String> {
    let Fields::Named(fields) = &item.fields else { return Vec::new() };
    let is_wrong = |field: &&Field| is_strict(&field.ty) && !says(&field.attrs, "deserialize_with");
    let name = |field: &Field| format!("{}.{}", item.ident, field.ident.as_ref().expect("it is named"));
    fields.named.iter().filter(is_wrong).map(name).collect()
}

#[test]
fn no_field_of_a_request_bypasses_the_lenient_readers() {
    let (mut read, mut wrong) = (0, Vec::new());
    for File { text, .. } in files("src", ".rs") {
        if !text.contains("utoipa::") {
            continue;
        }
        let file = syn::parse_file(&text).expect("it compiles");
        for item in file.items {
            if let Item::Struct(item) = item
                && is_of_requests(&item)
            {
                read += 1;
                wrong.extend(bypasses(&item));
            }
        }
    }
    assert!(read > 60, "only {read} types of requests were found");
    assert_eq!(wrong, Vec::<String>::new(), "read these by values::number or values::truth");
}
