"use strict";

// Nothing is asked of another host: no validator badge, no remote document from the address.
window.addEventListener("load", () => {
  SwaggerUIBundle({
    dom_id: "#reference",
    url: "/openapi.json",
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "list",
    filter: true,
    persistAuthorization: false,
    queryConfigEnabled: false,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
});
