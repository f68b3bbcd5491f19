// A mail server by the npm package smtp-server. Usage: node smtp_server.js MODULES DEPOSIT SETTINGS, the last as JSON:
// { listeners: [{ port, lmtp, secure }], name, user, password, tokens, certificate, key, size }
'use strict';
const fs = require('fs');
const path = require('path');
const [modules, deposit, text] = process.argv.slice(2);
const { SMTPServer } = require(path.join(modules, 'node_modules', 'smtp-server'));
const settings = JSON.parse(text);
let count = 0;

const refusal = (responseCode, message) => Object.assign(new Error(message), { responseCode });
const local = address => address.slice(0, address.lastIndexOf('@'));
const parameters = ({ args }) =>
    Object.entries(args || {}).map(([key, value]) => (value === true ? key : `${key}=${value}`));

// The mail as it came, and then its envelope: whoever finds the envelope finds both.
function keep(session, data, recipients) {
    const name = path.join(deposit, String(++count).padStart(5, '0'));
    const { mailFrom } = session.envelope;
    const lines = [['from', mailFrom ? mailFrom.address : '', ...parameters(mailFrom || {})]];
    if (session.tlsOptions) lines.push(['tls', session.tlsOptions.version]);
    if (session.user) lines.push(['user', session.user]);
    recipients.forEach(recipient => lines.push(['to', recipient.address, ...parameters(recipient)]));
    fs.writeFileSync(name + '.eml', data);
    fs.writeFileSync(name + '.new', lines.map(line => line.join('\t') + '\n').join(''));
    fs.renameSync(name + '.new', name + '.envelope');
}

function serve({ port, lmtp, secure }) {
    const server = new SMTPServer({
        name: settings.name,
        lmtp,
        secure,
        key: fs.readFileSync(settings.key),
        cert: fs.readFileSync(settings.certificate),
        size: settings.size,
        authMethods: ['PLAIN', 'LOGIN', 'CRAM-MD5', 'XOAUTH2'],
        authOptional: true,
        hideREQUIRETLS: false,
        hideDSN: false,
        disableReverseLookup: true,
        onAuth(auth, session, done) {
            const good =
                auth.username === settings.user &&
                (auth.method === 'CRAM-MD5'
                    ? auth.validatePassword(settings.password)
                    : auth.method === 'XOAUTH2'
                      ? auth.accessToken === settings.token
                      : auth.password === settings.password);
            if (good) return done(null, { user: auth.username });
            if (auth.method === 'XOAUTH2') return done(null, { data: { status: '401', schemes: 'bearer' } });
            done(refusal(535, 'authentication failed'));
        },
        onRcptTo(address, session, done) {
            if (local(address.address) === 'reject') return done(refusal(550, 'no such user'));
            if (local(address.address) === 'tempfail') return done(refusal(450, 'greylisted'));
            done();
        },
        onData(stream, session, done) {
            const pieces = [];
            stream.on('data', piece => pieces.push(piece));
            stream.on('end', () => {
                const taken = session.envelope.rcptTo.filter(({ address }) => local(address) !== 'full');
                if (!lmtp) {
                    keep(session, Buffer.concat(pieces), session.envelope.rcptTo);
                    return done(null, 'taken');
                }
                if (taken.length) keep(session, Buffer.concat(pieces), taken);
                done(
                    null,
                    session.envelope.rcptTo.map(({ address }) =>
                        local(address) === 'full' ? refusal(452, 'mailbox full') : 'taken'
                    )
                );
            });
        }
    });
    // A client that goes away in the middle is the client's business.
    server.on('error', error => console.log(`client: ${error.message}`));
    return new Promise(resolve => server.listen(port, '127.0.0.1', resolve));
}

Promise.all(settings.listeners.map(serve)).then(() => console.log('ready'));
