// Takes the place of Swagger UI's own file of this name.
"use strict";

window.ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    deepLinking: true,
    tryItOutEnabled: true,
    showExtensions: true,
    // The curl command and the headers on display are those of the signed request.
    showMutatedRequest: true,
    persistAuthorization: false,
    // The document stays here: no validator elsewhere is asked about it.
    validatorUrl: null,
    requestInterceptor: Explorer.prepare,
});
Explorer.start();
