"""Steps of the scenario about who may do what: removal from a channel, roles, removal from the organisation.
Ada owns it, Bea is a member; both are in the closed channel "planning"."""

PASSWORD = "seven quiet otters"
ORGANISATION = "Northwind Instruments"


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class PeopleSteps:
    async def a_member_is_removed_from_a_channel(self):
        ada, bea = self.ada, self.bea
        await bea.click(".side-row", "planning")
        await bea.see(".channel h1", "planning")
        await ada.click(".side-row", "planning")
        await ada.see(".channel h1", "planning")
        await ada.click("button[aria-label='Members']")
        await ada.click("dialog button[aria-label^='Remove Bea']")
        await ada.see("dialog:last-of-type h2", "Remove Bea Lindqvist Strand?")
        await self.shoot(ada, "confirm-removal")
        await ada.click("dialog:last-of-type .button.danger", "Remove")
        await ada.see("dialog button[aria-label^='Add Bea']")
        await ada.press("Escape")
        await ada.see(".membership", "Ada Holm removed Bea Lindqvist Strand")
        await bea.until("the channel to go", """() => ![...document.querySelectorAll('.side-row, .channel h1')]
          .some((row) => row.textContent.includes('planning'))""")
        await self.say(ada, "Only among us now")

    async def a_role_changes_what_one_can_do(self):
        ada, bea = self.ada, self.bea
        invites = "() => !!document.querySelector(\"button[aria-label='Invite people']\")"
        check(not await bea.evaluate(invites), "a member does not invite")
        await ada.click(".org")
        await ada.click(".menu-item", "People and roles")
        await ada.see("dialog select[aria-label='Role of Bea Lindqvist Strand']")
        await self.shoot(ada, "people")
        await ada.evaluate("""() => {
          const choice = document.querySelector("select[aria-label='Role of Bea Lindqvist Strand']");
          choice.value = 'ADMIN';
          choice.dispatchEvent(new Event('change'));
        }""")
        await ada.click("dialog:last-of-type .button.danger", "Change role")
        await ada.until("the new role", """() => document.querySelector(
          "select[aria-label='Role of Bea Lindqvist Strand']")?.value === 'ADMIN'""")
        await bea.until("the tools of an admin", invites)

    async def a_link_is_withdrawn(self):
        bea = self.bea
        await bea.click("button[aria-label='Invite people']")
        await bea.click("dialog .button", "Make a link")
        await bea.see("dialog .invite-result input")
        withdraw = "dialog button[aria-label^='Withdraw the link for Member']"
        await bea.until("the link in the list", f"() => !!document.querySelector(\"{withdraw}\")")
        # Those of the steps before, too: each is gone from the list when it is withdrawn.
        await bea.until("no link left", f"""() => {{
            const button = document.querySelector("{withdraw}");
            if (button && !button.dataset.clicked) {{
              button.dataset.clicked = 'yes';
              button.click();
            }}
            return !button;
        }}""")
        await bea.press("Escape")

    async def who_is_removed_is_told(self):
        ada, bea = self.ada, self.bea
        await ada.click("dialog button[aria-label^='Remove Bea']")
        await ada.click("dialog:last-of-type .button.danger", "Remove")
        await bea.see("h1", "Sign in")
        await bea.see(".notice", f"You are no longer a member of {ORGANISATION}.")
        await self.shoot(bea, "removed")
        await ada.gone("dialog button[aria-label^='Remove Bea']")
        await ada.press("Escape")
        await bea.fill("input[name=email]", "bea@example.org")
        await bea.fill("input[name=password]", PASSWORD)
        await bea.press("Enter")
        await bea.see(".form-error", "not allowed")
