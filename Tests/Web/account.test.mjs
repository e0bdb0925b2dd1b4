// The account's HTTP API: whose clock counts, and what is asked again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HubAccount } from '../../web/sdk/index.js';

/** An account whose hub answers as told; `asked` has the paths in order. */
function account(answers) {
  const asked = [];
  const hub = async (url) => {
    const path = url.replace('/api/v1/', '');
    asked.push(path);
    const { status = 200, body = {} } = answers(path, asked.length);
    return new Response(status === 204 ? null : JSON.stringify(body), { status });
  };
  return { asked, account: new HubAccount('', hub) };
}

const signedIn = (more = {}) => ({ body: {
  access_token: 'a', expires_at_ms: '1', expires_in_ms: 900_000, account: { id: 'me' },
  organisation: { id: 'o', name: 'O' }, role: 'OWNER', organisations: [], ...more,
} });

test('a token lasts as long as the hub says, whatever the clock of the device says', async (t) => {
  for (const skewMs of [3_600_000, -3_600_000]) {
    const { asked, account: own } = account((path) => (path === 'logins' ? { body: { logins: [] } } : signedIn()));
    await own.signIn({ email: 'a@b', password: 'p', remember: false });
    const wall = t.mock.method(Date, 'now', () => 1_800_000_000_000 + skewMs);
    await own.logins();
    await own.logins();
    wall.mock.restore();
    assert.deepEqual(asked, ['sign-in', 'logins', 'logins'], 'no refresh in between');
  }
});

test('a token that is about to end is renewed first', async () => {
  const { asked, account: own } = account((path) => (path === 'logins' ? { body: { logins: [] } }
    : signedIn({ expires_in_ms: path === 'refresh' ? 900_000 : 9_000 })));
  await own.signIn({ email: 'a@b', password: 'p', remember: false });
  await own.logins();
  assert.deepEqual(asked, ['sign-in', 'refresh', 'logins']);
});

test('what the hub calls expired, after a sleep, is renewed once and asked again', async () => {
  const expired = { status: 401, body: { error: { code: 201, slug: 'token_expired', message: '' } } };
  const { asked, account: own } = account((path, count) => (path !== 'logins' ? signedIn()
    : count === 2 ? expired : { body: { logins: [{ id: 'l' }] } }));
  await own.signIn({ email: 'a@b', password: 'p', remember: false });
  assert.deepEqual(await own.logins(), [{ id: 'l' }]);
  assert.deepEqual(asked, ['sign-in', 'logins', 'refresh', 'logins']);
});

test('what goes on being refused is an error, not a loop', async () => {
  const expired = { status: 401, body: { error: { code: 201, slug: 'token_expired', message: '' } } };
  const { asked, account: own } = account((path) => (path === 'logins' ? expired : signedIn()));
  await own.signIn({ email: 'a@b', password: 'p', remember: false });
  await assert.rejects(own.logins(), { slug: 'token_expired' });
  assert.equal(asked.length, 4);
});

test('a token says to the client how long it lasts', async () => {
  const { account: own } = account(() => signedIn());
  const { expiresInMs } = await own.getToken();
  assert.equal(expiresInMs, 900_000);
});

test('invitations are listed and withdrawn', async () => {
  const { asked, account: own } = account((path) => (path === 'invitations'
    ? { body: { invitations: [{ id: 'i', role: 'MEMBER' }] } } : path === 'invitations/i' ? { status: 204 } : signedIn()));
  await own.signIn({ email: 'a@b', password: 'p', remember: false });
  assert.deepEqual((await own.invitations()).map(({ id }) => id), ['i']);
  await own.withdrawInvitation('i');
  assert.deepEqual(asked.slice(1), ['invitations', 'invitations/i']);
});
