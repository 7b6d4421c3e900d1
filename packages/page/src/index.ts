export { escapeHtml, type Fragment, type Html, html } from "./html.ts";
export { jsonForScript } from "./json-script.ts";
export { type PageStyle, pageStyle, type Variables } from "./page-style.ts";
export { type Page, renderPage } from "./render-page.ts";
