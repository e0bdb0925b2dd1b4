// Types of protocol 1 as the SDK hands them out: the messages of docs/hub.v1.proto with every field
// present. Sequences, times and counts are numbers (a value above 2^53−1 is refused as malformed);
// an epoch is an opaque decimal string, to be compared for equality only.

/** @typedef {'CHANNEL_KIND_UNSPECIFIED' | 'OPEN' | 'CLOSED' | 'DIRECT'} ChannelKind */
/** @typedef {'EVENT_KIND_UNSPECIFIED' | 'MESSAGE' | 'JOINED' | 'LEFT' | 'EDITED' | 'DAMAGED'} EventKind */
/** @typedef {'PRESENCE_STATE_UNSPECIFIED' | 'OFFLINE' | 'AWAY' | 'ONLINE'} PresenceState */
/** @typedef {'ROLE_UNSPECIFIED' | 'MEMBER' | 'ADMIN' | 'OWNER'} Role */

/** @typedef {{epoch: string, sequence: number}} Position */
/**
 * @typedef {object} Event An entry of a channel's log.
 * @property {number} sequence
 * @property {string} id
 * @property {EventKind} kind
 * @property {string} sender account
 * @property {string | undefined} subject account a membership event is about
 * @property {number} at_ms Unix milliseconds
 * @property {string} key the sender's idempotency key
 * @property {string} text of a message, or its new one
 * @property {number | undefined} target sequence of the message that was edited
 */
/**
 * @typedef {object} ChannelSummary
 * @property {string} id
 * @property {ChannelKind} kind
 * @property {string} name
 * @property {string} topic
 * @property {Position} head
 * @property {boolean} joined
 * @property {number} read
 * @property {string[]} parties
 */
/** @typedef {{account: string, state: PresenceState}} Presence */
/** @typedef {{account: string, first_name: string, last_name: string, role: Role}} Person */
/** @typedef {{name: string, value: string}} Detail */
/**
 * @typedef {object} ErrorReply
 * @property {number} code
 * @property {string} slug
 * @property {string} message
 * @property {boolean} retryable
 * @property {number} retry_after_ms
 * @property {Detail[]} details
 */
/**
 * @typedef {object} Limits
 * @property {number} frame_bytes_max
 * @property {number} text_bytes_max
 * @property {number} subscriptions_max
 * @property {number} commands_in_flight_max
 * @property {number} replay_events_max
 * @property {number} history_events_max
 */
/**
 * @typedef {object} Welcome
 * @property {string} session
 * @property {string} account
 * @property {string} organisation
 * @property {Role} role
 * @property {number} heartbeat_ms
 * @property {number} token_expires_at_ms
 * @property {number} server_time_ms
 * @property {string[]} capabilities
 * @property {Limits} limits
 */
/**
 * @typedef {object} Subscribed
 * @property {string} channel
 * @property {Position} from
 * @property {Position} head
 * @property {{from: number, to: number} | undefined} gap
 */
/**
 * @typedef {{channel: string, position: Position, event: string, at_ms: number, duplicate:
 *   boolean}} Posted
 */
/** @typedef {{channel: string, epoch: string, events: Event[], more: boolean}} HistoryPage */
/**
 * Which page of a list: `after` is the `next` of the page before.
 * @typedef {{after?: string, limit?: number}} Page
 */
/** @typedef {{channel: string, epoch: string, events: Event[]}} Events */
/** @typedef {{channel: string, account: string, active: boolean}} TypingChanged */
/** @typedef {{channel: string, account: string, text: string}} BroadcastSent */

/**
 * Commands by name with their bodies.
 * @typedef {object} Commands
 * @property {{token: string, capabilities?: string[], agent?: string}} hello
 * @property {{token: string}} refresh
 * @property {{}} ping
 * @property {{channel: string, after?: Position}} subscribe
 * @property {{channel: string}} unsubscribe
 * @property {{channel: string, key: string, text: string}} post
 * @property {{channel: string, before?: number, after?: number, limit?: number}} history
 * @property {{channel: string, active: boolean}} typing
 * @property {{state: PresenceState}} presence
 * @property {{active: boolean} & Page} watch_presence
 * @property {Page} list_channels
 * @property {{name: string, topic?: string, kind: ChannelKind}} create_channel
 * @property {{account: string}} open_direct
 * @property {{channel: string}} join
 * @property {{channel: string}} leave
 * @property {{channel: string, account: string}} add_member
 * @property {{channel: string} & Page} list_members
 * @property {{channel: string, sequence: number}} mark_read
 * @property {Page} list_people
 * @property {{channel: string, key: string, target: number, text: string}} edit
 * @property {{channel: string, account: string}} remove_member
 * @property {{account: string, role: Role}} change_role
 * @property {{account: string}} remove_person
 * @property {{channel: string, text: string}} broadcast
 */
/**
 * The reply to each command.
 * @typedef {object} Replies
 * @property {Welcome} hello
 * @property {{token_expires_at_ms: number}} refresh
 * @property {{server_time_ms: number}} ping
 * @property {Subscribed} subscribe
 * @property {{}} unsubscribe
 * @property {Posted} post
 * @property {HistoryPage} history
 * @property {{}} typing
 * @property {{}} presence
 * @property {{present: Presence[], next: string}} watch_presence
 * @property {{channels: ChannelSummary[], next: string}} list_channels
 * @property {{channel: ChannelSummary}} create_channel
 * @property {{channel: ChannelSummary}} open_direct
 * @property {{channel: ChannelSummary}} join
 * @property {{}} leave
 * @property {{}} add_member
 * @property {{channel: string, accounts: string[], next: string}} list_members
 * @property {{}} mark_read
 * @property {{people: Person[], next: string}} list_people
 * @property {Posted} edit
 * @property {{}} remove_member
 * @property {{}} change_role
 * @property {{}} remove_person
 * @property {{}} broadcast
 */
/**
 * Pushes by name.
 * @typedef {object} Pushes
 * @property {Events} events
 * @property {TypingChanged} typing
 * @property {{changes: Presence[]}} presence
 * @property {{channel: ChannelSummary}} channel_added
 * @property {{channel: string}} channel_removed
 * @property {{channel: string, sequence: number}} read_marker
 * @property {{person: Person}} person_changed
 * @property {{channel: string, code: number, slug: string}} subscription_ended
 * @property {{code: number, slug: string, retry_after_ms: number}} closing
 * @property {{account: string}} person_removed
 * @property {BroadcastSent} broadcast
 */

export {};
