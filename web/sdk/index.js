// The SDK's public face.

export { HubClient } from './client.js';
export { Workspace } from './workspace.js';
export { ChannelLog, windowEventsMax } from './log.js';
export { Subscription } from './subscription.js';
export { HubAccount, lookedUpMax, signOutName } from './account.js';
export { asHubError, closeAction, ErrorCode, HubError } from './codes.js';
export { browserEnvironment } from './environment.js';
