// The HTTP side: what is asked in which order, above all when signing out meets an absent hub.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HubAccount, HubError } from '../../web/sdk/index.js';

/** A hub that answers as the test says, and what it was asked. */
class HTTPHub {
  isThere = true;
  asked = [];
  kept = new Map();
  answers = {};

  account() {
    const memory = {
      recall: (name) => this.kept.get(name) ?? null,
      keep: (name, value) => void (value === null ? this.kept.delete(name) : this.kept.set(name, value)),
    };
    return new HubAccount('http://hub', async (url, init) => {
      const path = url.replace('http://hub/api/v1/', '');
      if (!this.isThere) throw new TypeError('refused');
      this.asked.push(path);
      const [status, body] = this.answers[path] ?? [200, { access_token: path, expires_in_ms: 900_000 }];
      return new Response(status === 204 ? null : JSON.stringify(body), { status });
    }, memory);
  }
}

const refusal = (status, slug, retryable) => [status, { error: { code: 200, slug, message: slug, retryable } }];

test('signing out while the hub is away is remembered and comes first at the next contact', async () => {
  const hub = new HTTPHub();
  hub.answers['sign-out'] = [204];
  const account = hub.account();
  await account.signIn({});
  hub.isThere = false;
  await assert.rejects(account.signOut(), { slug: 'network', retryable: true });
  assert.equal(account.signedIn, null);
  assert.ok(account.isSigningOut);
  // The page is opened again, the hub is back.
  const next = hub.account();
  await assert.rejects(next.refresh(), { slug: 'network' });
  hub.isThere = true;
  hub.asked = [];
  hub.answers.refresh = refusal(401, 'unauthenticated', false);
  await assert.rejects(next.refresh(), { slug: 'unauthenticated' });
  assert.deepEqual(hub.asked, ['sign-out', 'refresh']);
  assert.ok(!next.isSigningOut);
});

for (const enter of ['signIn', 'setUp', 'acceptInvitation', 'resetPassword', 'switchTo']) {
  test(`${enter} is no way around a sign-out that is still to come`, async () => {
    const hub = new HTTPHub();
    hub.isThere = false;
    const account = hub.account();
    await assert.rejects(account.signOut());
    hub.isThere = true;
    hub.answers['sign-out'] = [204];
    await account[enter]({});
    assert.equal(hub.asked[0], 'sign-out');
    assert.equal(hub.asked.length, 2);
    hub.asked = [];
    await account[enter]({});
    assert.ok(!hub.asked.includes('sign-out'), 'once is enough');
  });
}

test('who is not signed in any more need not be signed out; a busy hub is asked again', async () => {
  const hub = new HTTPHub();
  const account = hub.account();
  hub.answers['sign-out'] = refusal(503, 'unavailable', true);
  await assert.rejects(account.signOut(), { slug: 'unavailable' });
  assert.ok(account.isSigningOut);
  hub.answers['sign-out'] = [502, '<html>'];
  await assert.rejects(account.finishSignOut(), (error) => error instanceof HubError);
  assert.ok(account.isSigningOut, 'a proxy without a hub behind it is no hub');
  hub.answers['sign-out'] = refusal(401, 'unauthenticated', false);
  await account.finishSignOut();
  assert.ok(!account.isSigningOut);
});

test('a new name is known at once', async () => {
  const hub = new HTTPHub();
  const account = hub.account();
  await account.signIn({});
  hub.answers['account/name'] = [200, { id: 'a', email: 'e', first_name: 'New', last_name: '' }];
  await account.rename({ first_name: 'New', last_name: '' });
  assert.equal(account.signedIn.account.first_name, 'New');
});
