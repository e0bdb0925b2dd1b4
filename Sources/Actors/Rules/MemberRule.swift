// Who may change whose membership. The store decides by the same rule inside its transaction
// (`MemberSQL`), and besides that an organisation keeps an owner; here it is decided by what the actor knows.

package import Model

package enum MemberRule {
    /// Owners give any role; admins move people between member and admin.
    package static func mayChange(_ subject: Role, to role: Role, as actor: Role) -> Bool {
        actor == .owner || actor == .admin && subject < .owner && role < .owner
    }

    /// Owners remove anybody, admins anybody but owners.
    package static func mayRemove(_ subject: Role, as actor: Role) -> Bool {
        actor == .owner || actor == .admin && subject < .owner
    }
}
