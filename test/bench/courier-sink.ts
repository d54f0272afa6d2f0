import net from 'node:net';

/**
 * A server that takes every mail and keeps none, in a process of its own, so that both arms of the bench pay the same for
 * it. Answers what EHLO asks for with PIPELINING, and prints its port.
 */
const END_OF_DATA = Buffer.from('\r\n.\r\n');

const answerTo = (line: string): string => {
  switch (line.slice(0, 4).toUpperCase()) {
    case 'EHLO':
      return '250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n';
    case 'DATA':
      return '354 go on\r\n';
    case 'QUIT':
      return '221 bye\r\n';
    default:
      return '250 2.0.0 ok\r\n';
  }
};

const server = net.createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0);
  let inData = false;
  socket.write('220 sink\r\n');
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let answers = '';
    for (;;) {
      const end = rest.indexOf(inData ? END_OF_DATA : '\r\n');
      if (end < 0) break;
      const line = inData ? '' : rest.toString('latin1', 0, end);
      rest = rest.subarray(end + (inData ? END_OF_DATA.length : 2));
      answers += answerTo(line);
      inData = !inData && line.toUpperCase() === 'DATA';
    }
    if (answers !== '') socket.write(answers);
  });
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address !== 'string') process.stdout.write(`${address.port}\n`);
});
process.on('disconnect', () => process.exit(0));
