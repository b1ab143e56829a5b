// An AT network (@atproto/dev-env) on 127.0.0.1, for the tests: a PDS and a PLC directory, and an
// AppView with its bsync where the settings name a PostgreSQL for it.
// Prints one line of JSON when all listen, and ends when its standard input is closed.
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

const { EXAMPLE_LABELER, TestBsky, TestBsync, TestNetworkNoAppView, TestPds, TestPlc, mockNetworkUtilities } =
  await import('@atproto/dev-env')

// As TestNetwork.create does it, without the moderation service (two more servers and a second PDS).
async function withAppView({ postgres, pds: settings = {} }) {
  await withoutTrigrams()
  const port = await freePort()
  const plc = await TestPlc.create({})
  const bsync = await TestBsync.create({ apiKeys: ['bsync-api-key'], dbUrl: postgres, dbSchema: 'bsync' })
  const bsky = await TestBsky.create({
    plcUrl: plc.url,
    pdsPort: port,
    bsyncApiKey: 'bsync-api-key',
    bsyncUrl: bsync.url,
    repoProvider: `ws://localhost:${port}`,
    dbPostgresSchema: 'appview',
    dbPostgresUrl: postgres,
    labelsFromIssuerDids: [EXAMPLE_LABELER],
  })
  bsync.ctx.dataplaneClients = [bsky.ctx.dataplane]
  const pds = await TestPds.create({
    port,
    didPlcUrl: plc.url,
    bskyAppViewUrl: bsky.url,
    bskyAppViewDid: bsky.ctx.cfg.serverDid,
    ...settings,
  })
  mockNetworkUtilities(pds, bsky)
  return { plc, pds, bsky, close: () => Promise.allSettled([bsky.close(), bsync.close(), pds.close(), plc.close()]) }
}

// The PostgreSQL that Myna brings has no pg_trgm, which serves the search for members' names alone.
async function withoutTrigrams() {
  const { default: pg } = await import('pg')
  const query = pg.Client.prototype.query
  const ordinary = (sql) =>
    sql
      .replace(/^create extension if not exists pg_trgm.*$/i, 'select 1')
      .replace(/using gist \(("?\w+"?) gist_trgm_ops\)/i, '($1)')
  pg.Client.prototype.query = function (what, ...more) {
    if (typeof what === 'string') what = ordinary(what)
    else if (typeof what?.text === 'string') what.text = ordinary(what.text)
    return query.call(this, what, ...more)
  }
}

function freePort() {
  return new Promise((done, fail) => {
    const server = net.createServer().once('error', fail)
    server.listen(0, () => {
      const { port } = server.address()
      server.close(() => done(port))
    })
  })
}

const settings = JSON.parse(process.argv[2] ?? '{}')
const network = settings.postgres ? await withAppView(settings) : await TestNetworkNoAppView.create(settings)
const address = (url) => url.replace('localhost', '127.0.0.1')
process.stdout.write(
  JSON.stringify({
    pds: address(network.pds.url),
    plc: address(network.plc.url),
    admin: network.pds.adminAuth(),
    appview: network.bsky ? address(network.bsky.url) : null,
  }) + '\n',
)
process.stdin.on('end', async () => {
  await network.close().catch(() => {})
  process.exit(0)
})
process.stdin.resume()
