// A PDS and a PLC directory of the AT network (@atproto/dev-env) on 127.0.0.1, for the tests.
// Prints one line of JSON when both listen, and ends when its standard input is closed.
import net from 'node:net'

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...words) {
  if (typeof words[0] === 'number') {
    const port = words.shift()
    if (typeof words[0] === 'string') words.shift()
    return listen.call(this, { port, host: '127.0.0.1' }, ...words.filter((one) => typeof one === 'function'))
  }
  return listen.apply(this, words)
}

const { TestNetworkNoAppView } = await import('@atproto/dev-env')
const settings = JSON.parse(process.argv[2] ?? '{}')
const network = await TestNetworkNoAppView.create(settings)
const address = (url) => url.replace('localhost', '127.0.0.1')
process.stdout.write(
  JSON.stringify({
    pds: address(network.pds.url),
    plc: address(network.plc.url),
    admin: network.pds.adminAuth(),
  }) + '\n',
)
process.stdin.on('end', async () => {
  await network.close().catch(() => {})
  process.exit(0)
})
process.stdin.resume()
