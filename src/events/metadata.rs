//! `/sp-metadata.xml`: where partners find the certificate of what tells them of bindings, as with the vendor.

use super::post::pem_body;
use crate::config::NotificationSettings;
use axum::Router;
use axum::http::header;
use axum::routing::get;

/// Serves it, if there is a certificate.
pub fn router<S: Clone + Send + Sync + 'static>(settings: &NotificationSettings) -> Router<S> {
    let certificate = pem_body(&settings.certificate);
    let metadata = format!(
        "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"bss-gateway\">\
         <md:SPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
         <md:KeyDescriptor use=\"signing\"><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Data>\
         <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>\
         </md:SPSSODescriptor></md:EntityDescriptor>\n"
    );
    match certificate.as_str() {
        "" => Router::new(),
        _ => Router::new()
            .route("/sp-metadata.xml", get(async move || ([(header::CONTENT_TYPE, "application/xml")], metadata))),
    }
}
