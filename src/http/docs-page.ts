import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { HttpReply } from './route.ts';

const require = createRequire(import.meta.url);

/** Files of Swagger UI that the page needs, with their media types. */
const FILES: Readonly<Record<string, string>> = {
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'start.js': 'text/javascript; charset=utf-8',
};

const START = `window.addEventListener('load', () => {
  SwaggerUIBundle({ url: '../openapi.json', dom_id: '#page', deepLinking: true, tryItOutEnabled: true });
});
`;

const page = (title: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="stylesheet" href="swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="start.js"></script>
</body>
</html>
`;

/** The page loads nothing from elsewhere and sends nothing elsewhere. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cache-control': 'public, max-age=3600',
};

/** A file of the interactive documentation; '' is the page itself. Null: there is no such file. */
export async function docsFile(name: string, title: string): Promise<HttpReply | null> {
  if (name === '') return { status: 200, headers: HEADERS, contentType: 'text/html; charset=utf-8', body: page(title) };
  const contentType = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
  if (contentType === undefined) return null;
  const body = name === 'start.js' ? START : await readFile(require.resolve(`@fastify/swagger-ui/static/${name}`));
  return { status: 200, headers: HEADERS, contentType, body };
}
