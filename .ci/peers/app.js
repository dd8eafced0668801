// A peer: transfers and lists as one would write them by hand with Fastify and pg, behind the vendor's signature.
//
// It has what the measurement asks for and no more: no idempotency, no quotas, no audit. node app.js, with PORT, PGHOST and
// PGPORT; a process for each of two cores.
const cluster = require('node:cluster')
const crypto = require('node:crypto')

const ALGORITHM = 'SDK-HMAC-SHA256'
const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex')
const encoded = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase())
const refusal = (statusCode, message) => Object.assign(new Error(message), { statusCode })

function serve () {
  const { Pool } = require('pg')
  const pool = new Pool({ host: process.env.PGHOST, port: Number(process.env.PGPORT), user: 'postgres', database: 'bench', max: 8 })
  const app = require('fastify')({ logger: false })
  const keys = new Map()

  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    request.raw.body = body
    if (!body.length) return done(null, undefined)
    try { done(null, JSON.parse(body)) } catch (error) { done(refusal(400, 'body')) }
  })

  async function keyOf (accessKey) {
    if (!keys.has(accessKey)) {
      const text = 'select sk, partner_id from credentials where ak = $1'
      keys.set(accessKey, (await pool.query({ name: 'key', text, values: [accessKey] })).rows[0])
    }
    return keys.get(accessKey)
  }

  // Who signed the request.
  async function authenticate (request) {
    const fields = /^SDK-HMAC-SHA256 Access=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/
      .exec(request.headers.authorization || '')
    const date = request.headers['x-sdk-date'] || ''
    const instant = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date)
    if (!fields || !instant) throw refusal(401, 'signature')
    const [, year, month, day, hour, minute, second] = instant
    if (Math.abs(Date.UTC(year, month - 1, day, hour, minute, second) - Date.now()) > 900e3) throw refusal(401, 'date')
    const [, accessKey, names, signature] = fields
    const key = await keyOf(accessKey)
    if (!key) throw refusal(401, 'key')
    const [target, search = ''] = request.raw.url.split('?')
    const path = target.split('/').map((part) => encoded(decodeURIComponent(part))).join('/')
    const query = search.split('&').filter(Boolean).map((pair) => {
      const [name, value = ''] = pair.split('=')
      return [encoded(decodeURIComponent(name)), encoded(decodeURIComponent(value))]
    })
    const canonical = [
      request.method,
      path.endsWith('/') ? path : path + '/',
      query.sort().map((pair) => pair.join('=')).join('&'),
      names.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`).join(''),
      names,
      sha256(request.raw.body || '')
    ].join('\n')
    const expected = crypto.createHmac('sha256', key.sk).update(`${ALGORITHM}\n${date}\n${sha256(canonical)}`).digest()
    if (!crypto.timingSafeEqual(expected, Buffer.from(signature, 'hex'))) throw refusal(401, 'signature')
    request.partner = key.partner_id
  }

  const text = { type: 'string' }
  app.decorateRequest('partner', null)
  app.post('/v2/accounts/partner-accounts/adjust-amount', {
    preHandler: authenticate,
    schema: { body: { type: 'object', required: ['customer_id', 'amount'], properties: { customer_id: text, amount: text } } }
  }, async (request) => {
    const amount = Math.round(Number(request.body.amount) * 10000)
    const customer = request.body.customer_id
    const connection = await pool.connect()
    const query = async (name, text, values) => (await connection.query({ name, text, values })).rows[0]
    try {
      await connection.query('begin')
      const accounts = await query('accounts',
        `select c.account_id as customer, p.account_id as partner from customers c join partners p using (partner_id)
         where c.customer_id = $1 and c.partner_id = $2`, [customer, request.partner])
      if (!accounts) throw refusal(403, 'customer')
      const given = await query('give',
        `update accounts set balance = balance - $1, version = version + 1
         where account_id = $2 and balance >= $1 returning balance`,
        [amount, accounts.partner])
      if (!given) throw refusal(400, 'balance')
      const taken = await query('take',
        'update accounts set balance = balance + $1, version = version + 1 where account_id = $2 returning balance',
        [amount, accounts.customer])
      const { journal_id: journal } = await query('journal',
        'insert into journal (kind, partner_id, customer_id, amount) values (1, $1, $2, $3) returning journal_id',
        [request.partner, customer, amount])
      await query('postings', 'insert into postings values ($1, $2, $3, $4), ($1, $5, $6, $7)',
        [journal, accounts.partner, -amount, given.balance, accounts.customer, amount, taken.balance])
      await connection.query('commit')
      return { transfer_id: journal }
    } catch (error) {
      await connection.query('rollback')
      throw error
    } finally {
      connection.release()
    }
  })

  const page = {
    limit: { type: 'integer', minimum: 1, maximum: 100, default: 10 },
    offset: { type: 'integer', minimum: 0, default: 0 }
  }
  const list = (name, fields) => ({
    200: {
      type: 'object',
      properties: {
        [name]: { type: 'array', items: { type: 'object', properties: Object.fromEntries(fields.map((field) => [field, text])) } },
        total_count: { type: 'integer' }
      }
    }
  })

  app.get('/v2/products/resource-types', {
    preHandler: authenticate,
    schema: {
      querystring: { type: 'object', properties: { ...page, resource_type_code: text } },
      response: list('resource_types', ['resource_type_code', 'resource_type_name', 'resource_type_desc'])
    }
  }, async (request) => {
    const { rows } = await pool.query({
      name: 'types',
      text: `select resource_type_code, resource_type_name, resource_type_desc,
                    (select count(*) from resource_types where $1::text is null or resource_type_code = $1) as total
             from resource_types where $1::text is null or resource_type_code = $1
             order by resource_type_code limit $2 offset $3`,
      values: [request.query.resource_type_code, request.query.limit, request.query.offset]
    })
    return { resource_types: rows, total_count: rows.length ? Number(rows[0].total) : 0 }
  })

  app.get('/v3/accounts/partner-accounts/adjust-records', {
    preHandler: authenticate,
    schema: {
      querystring: { type: 'object', properties: page },
      response: list('records', ['trans_id', 'customer_id', 'amount', 'operation_time'])
    }
  }, async (request) => {
    const { rows } = await pool.query({
      name: 'records',
      text: `select journal_id, customer_id, amount, created_at, (select count(*) from journal where partner_id = $1) as total
             from journal where partner_id = $1 order by journal_id desc limit $2 offset $3`,
      values: [request.partner, request.query.limit, request.query.offset]
    })
    return {
      records: rows.map((row) => ({
        trans_id: row.journal_id,
        customer_id: row.customer_id,
        amount: (row.amount / 10000).toString(),
        operation_time: row.created_at.toISOString()
      })),
      total_count: rows.length ? Number(rows[0].total) : 0
    }
  })
  app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
}

if (cluster.isPrimary) for (let i = 0; i < 2; i++) cluster.fork()
else serve()
