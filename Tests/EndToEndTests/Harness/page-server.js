// Serves the files of a folder (its argument) on a free port of localhost, and prints its origin.
const fs = require('fs');
const http = require('http');
const path = require('path');

const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8' };
const server = http.createServer((request, response) => {
  const name = path.basename(new URL(request.url, 'http://localhost').pathname) || 'index.html';
  fs.readFile(path.join(process.argv[2], name), (error, content) => {
    response.writeHead(error ? 404 : 200, { 'Content-Type': types[path.extname(name)] || 'text/plain' });
    response.end(error ? '' : content);
  });
});
server.listen(0, '127.0.0.1', () => console.log(`http://localhost:${server.address().port}`));
