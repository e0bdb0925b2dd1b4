"""Two people and a hub: Ada in Chromium, Bea in Firefox, Cleo without a browser. Each step is a method;
they build on each other and run in this order."""
import asyncio

from bidi import BrowserError
from member import Member
from people_steps import ORGANISATION, PASSWORD, PeopleSteps, check
from stream_steps import StreamSteps
from trust_steps import TrustSteps

# What the message list shows, oldest first: sequence (null: on its way) and text.
SHOWN = """() => [...document.querySelectorAll('.list > .message')].map((row) =>
  [row.dataset.sequence ? Number(row.dataset.sequence) : null, row.querySelector('.text').textContent])"""


class Scenario(PeopleSteps, StreamSteps, TrustSteps):
    def __init__(self, hub, ada, bea, shoot, proxy=None):
        self.hub, self.ada, self.bea, self.shoot, self.proxy = hub, ada, bea, shoot, proxy
        self.cleo = None
        self.link = None

    # ------------------------------------------------------------ coming in

    async def owner_sets_up(self):
        ada = self.ada
        await ada.go(await self.hub.set_up_link())
        await ada.see("h1", "Set up your hub")
        await ada.click("button[type=submit]")
        await ada.see(".field-error", "Organisation is needed")
        await self.shoot(ada, "set-up-errors")
        for name, value in (("organisation", ORGANISATION), ("first_name", "Ada"), ("last_name", "Holm"),
                            ("email", "ada@example.org"), ("password", PASSWORD)):
            await ada.fill(f"input[name={name}]", value)
        await ada.press("Enter")
        await ada.see("#welcome-title", ORGANISATION)
        check("setup" not in await ada.evaluate("() => location.href"), "the secret left the address bar")
        await self.shoot(ada, "welcome")

    async def owner_creates_a_channel(self):
        ada = self.ada
        await ada.click(".choice", "Create a channel")
        await ada.fill("dialog input[name=name]", "general")
        await ada.fill("dialog input[name=topic]", "Everything that concerns all of us")
        await self.shoot(ada, "create-channel")
        await ada.press("Enter")
        await ada.see(".channel h1", "general")
        await ada.see(".beginning", "#general begins")
        check(await ada.evaluate("() => document.activeElement.matches('.composer-input')"),
              "the composer has the focus")
        await self.shoot(ada, "empty-channel")

    async def owner_invites(self):
        ada = self.ada
        await ada.click("button[aria-label='Invite people']")
        await ada.see("dialog h2", "Invite people")
        await ada.evaluate("""() => { const uses = document.querySelectorAll('dialog select')[1];
          uses.value = '5'; uses.dispatchEvent(new Event('change')); }""")
        await ada.click("dialog button[type=submit]")
        self.link = await ada.until("the link", "() => document.querySelector('.copy-row input')?.value")
        check(self.link.startswith(self.hub.origin + "/#invite="), self.link)
        await self.shoot(ada, "invite")
        await ada.press("Escape")
        await ada.gone("dialog")

    async def second_person_accepts(self):
        bea = self.bea
        await bea.go(self.link)
        await bea.see("h1", f"Join {ORGANISATION}")
        await self.shoot(bea, "invitation")
        for name, value in (("first_name", "Bea"), ("last_name", "Lindqvist"),
                            ("email", "bea@example.org"), ("password", PASSWORD)):
            await bea.fill(f"input[name={name}]", value)
        await bea.press("Enter")
        await bea.see("#welcome-title", ORGANISATION)
        await self.ada.see(".side-row[data-account]", "Bea Lindqvist")

    async def a_used_up_link_says_so(self):
        bea = self.bea
        await bea.go(self.hub.origin + "/#invite=does-not-exist")
        await bea.reload()
        await bea.see(".lead", "no longer valid")
        await bea.click("button", "Go to sign-in")
        await bea.see("#welcome-title", ORGANISATION)

    async def second_person_joins(self):
        bea = self.bea
        await bea.click(".choice", "Browse channels")
        await bea.see("dialog .pick", "general")
        await self.shoot(bea, "browse")
        await bea.click("dialog button[aria-label='Join general']")
        await bea.see(".channel h1", "general")
        await bea.see(".composer")
        await self.ada.see(".membership", "Bea Lindqvist joined")

    # ------------------------------------------------------------ talking

    async def both_talk(self):
        await self.say(self.ada, "Good morning, Bea! The spec is at https://example.org/spec_(v2).")
        await self.bea.see(".message .text", "Good morning, Bea!")
        await self.say(self.bea, "Thanks <b>Ada</b> & `gain = 4`")
        await self.ada.see(".message .text", "Thanks <b>Ada</b> & gain = 4")
        links = await self.bea.evaluate("""() => [...document.querySelectorAll('.text a')].map((link) =>
          [link.getAttribute('href'), link.rel, link.target])""")
        check(links == [["https://example.org/spec_(v2)", "noopener noreferrer", "_blank"]], links)
        check(await self.ada.evaluate("() => document.querySelectorAll('.text b').length") == 0,
              "markup stays text")

    async def own_messages_are_edited(self):
        ada, bea = self.ada, self.bea
        await self.say(ada, "Lunch at nooon?")
        await bea.see(".message .text", "Lunch at nooon?")
        check(await bea.evaluate("""() => [...document.querySelectorAll('.message')]
          .every((row) => (row.dataset.sender === document.querySelector('.message-actions')
            .closest('.message').dataset.sender) === (row.querySelector('.message-actions') !== null))"""),
              "only one's own messages have the button")
        await ada.press("ArrowUp")
        await ada.until("the editor", "() => document.activeElement.matches('.editor textarea')")
        await ada.type(" never mind")
        await self.shoot(ada, "editing")
        await ada.press("Escape")
        await ada.see("dialog h2", "Discard what you changed?")
        await ada.click("dialog .button.danger", "Discard")
        await ada.gone(".editor")
        await ada.until("the composer to have the focus again",
                        "() => document.activeElement.matches('.composer-input')")
        await ada.press("Shift", "Tab")
        label = await ada.evaluate("() => document.activeElement.getAttribute('aria-label')")
        check(label == "Edit message: Lunch at nooon?", f"the button of the newest message comes next, not {label}")
        await ada.press("Enter")
        await self.edit(ada, "Lunch at noon?")
        for browser in (ada, bea):
            await browser.see(".message .text", "Lunch at noon?")
            await browser.see(".message .edited[title^='Edited ']", "edited")
        await self.settled(ada)
        self.hub.kill()
        await ada.see(".banner", "No connection")
        await ada.press("ArrowUp")
        await self.edit(ada, "Lunch at one?")
        await ada.see(".message.outgoing .text", "Lunch at one?")
        await self.shoot(ada, "edit-waiting")
        await self.hub.start()
        await bea.see(".message .text", "Lunch at one?", seconds=90)
        await self.settled(ada)
        for browser in (ada, bea):
            await browser.reload()
            await browser.see(".message .text", "Lunch at one?")
            check("Lunch at noon?" not in [text for _, text in await browser.evaluate(SHOWN)], "one text only")

    async def typing_is_shown(self):
        await self.bea.fill(".composer-input", "I am thinking")
        await self.ada.see(".typing", "Bea Lindqvist is typing")
        await self.shoot(self.ada, "typing")
        for _ in "I am thinking":
            await self.bea.press("Backspace")
        await self.ada.until("typing to end", "() => document.querySelector('.typing').textContent === ''")

    async def presence_follows(self):
        row = ".side-row[data-account][aria-label='Bea Lindqvist, {}']"
        await self.ada.see(row.format("online"))
        async with self.bea.hidden():
            await self.ada.see(row.format("away"))
        await self.ada.see(row.format("online"))
        await self.bea.go("about:blank")
        await self.ada.see(row.format("offline"))
        await self.bea.go(self.hub.origin)
        await self.bea.see(".channel h1", "general")
        await self.ada.see(row.format("online"))

    async def direct_messages(self):
        ada, bea = self.ada, self.bea
        await ada.click(".side-row[data-account]", "Bea Lindqvist")
        await ada.see(".channel h1", "Bea Lindqvist")
        await self.say(ada, "Just between us")
        await bea.see(".side-row.unread", "Ada Holm")
        await bea.until("the title to count", "() => document.title.startsWith('(1) ')")
        await bea.click(".side-row", "Ada Holm")
        await bea.see(".message .text", "Just between us")
        await self.say(bea, "Of course")
        await ada.see(".message .text", "Of course")
        await bea.until("the title to forget", "() => !document.title.startsWith('(')")

    async def closed_channels_are_hidden(self):
        ada, bea = self.ada, self.bea
        await ada.click("button[aria-label='Create a channel']")
        await ada.fill("dialog input[name=name]", "planning")
        await ada.click("dialog .option", "Closed")
        await ada.click("dialog button[type=submit]")
        await ada.see(".channel h1", "planning")
        await self.say(ada, "Nobody sees this yet")
        await bea.press("Control", "k")
        await bea.see("dialog.switcher")
        await bea.type("plan")
        await bea.see("dialog .pick-none", "Nothing matches")
        await bea.press("Escape")
        await bea.gone("dialog")
        await ada.click("button[aria-label='Members']")
        await ada.click("dialog button[aria-label='Add Bea Lindqvist']")
        await ada.gone("dialog button[aria-label='Add Bea Lindqvist']")
        await self.shoot(ada, "members")
        await ada.press("Escape")
        await bea.click(".side-row", "planning")
        await bea.see(".message .text", "Nobody sees this yet")
        await bea.see(".membership", "Ada Holm added Bea Lindqvist")

    async def unread_counts(self):
        ada, bea = self.ada, self.bea
        await ada.click(".side-row", "general")
        await ada.see(".channel h1", "general")
        for text in ("one", "two", "three"):
            await self.say(ada, text)
        await bea.until("a count of 3", """() => [...document.querySelectorAll('.side-row.unread')]
          .some((row) => row.getAttribute('aria-label') === 'general, 3 unread')""")
        await bea.reload()
        await bea.see(".side-row.unread .count", "3")
        await self.shoot(bea, "unread")
        await bea.click(".side-row", "general")
        await bea.see(".divider.new")
        await bea.gone(".side-row.unread")
        await self.settled(bea)
        await bea.reload()
        await bea.see(".message .text", "three")
        await bea.gone(".side-row.unread")

    async def keyboard(self):
        ada = self.ada
        await ada.press("Control", "k")
        await ada.see("dialog.switcher")
        await ada.type("plan")
        await self.shoot(ada, "switcher")
        await ada.press("Enter")
        await ada.see(".channel h1", "planning")
        await ada.press("Alt", "ArrowUp")
        await ada.see(".channel h1", "general")
        await ada.press("Alt", "ArrowDown")
        await ada.see(".channel h1", "planning")
        await ada.click(".side-row", "general")
        await ada.see(".channel h1", "general")

    # ------------------------------------------------------------ history

    async def history_on_scroll(self):
        ada, bea = self.ada, self.bea
        await bea.see(".channel h1", "general")
        self.cleo = await Member.accept(self.hub.direct, self.link.split("#invite=")[1], "Cleo", "Okafor",
                                        "cleo@example.org", PASSWORD)
        reply = await self.cleo.call("create_channel", name="archive", topic="Old talk", kind="OPEN")
        channel = reply["channel"]["id"]
        texts = [f"entry {number}" + (" with more to say" * (number % 9)) for number in range(1, 421)]
        for text in texts:
            await self.cleo.call("post", channel=channel, key=text[:20], text=text)
        await bea.press("Control", "k")
        await bea.see("dialog.switcher")
        await bea.type("archive")
        await bea.press("Enter")
        await bea.see(".join-bar")
        await self.shoot(bea, "not-joined")
        await bea.click(".join-bar button", "Join channel")
        await bea.see(".composer")
        await bea.see(".membership", "Bea Lindqvist joined")
        seen = dict(await bea.evaluate(SHOWN))
        check(420 <= max(seen) <= 423, f"opens at the newest, not {max(seen)}")
        before = await bea.evaluate("() => document.querySelectorAll('.list > *').length")
        check(before < 150, "loads a part only")
        await self.scroll_up(bea, seen)
        check([seen[number] for number in sorted(seen)] == texts, "every entry was shown, once and in order")
        await bea.see(".beginning", "#archive begins")
        await bea.click(".jump-newest")
        await bea.see(".message .text", texts[-1])
        await bea.until("the newest in view", """(text) => {
          const scroller = document.querySelector('.scroller');
          return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 48
            && [...document.querySelectorAll('.text')].at(-1)?.textContent === text; }""", texts[-1])

    async def leaving_a_channel(self):
        bea = self.bea
        await bea.click("button[aria-label='Members']")
        await bea.see("dialog .pick", "Cleo Okafor")
        await bea.click("dialog button", "Leave channel")
        await bea.see("dialog:last-of-type h2", "Leave archive?")
        await bea.click("dialog:last-of-type .button.danger", "Leave")
        await bea.see("#welcome-title")
        await bea.until("the channel to leave the list", """() =>
          ![...document.querySelectorAll('.side-row')].some((row) => row.textContent.includes('archive'))""")
        await bea.click(".choice", "Browse channels")
        await bea.click("dialog .pick-main", "archive")
        await bea.see(".join-bar")
        await self.cleo.call("post", channel=await bea.evaluate(
            "() => document.querySelector('.channel').dataset.channel"), key="late", text="seen without joining")
        await bea.see(".message .text", "seen without joining")
        await bea.click(".join-bar button", "Join channel")
        await bea.see(".composer")

    async def scroll_up(self, browser, seen):
        """Scrolls to the beginning; what is in view must not move when older messages come in."""
        largest = 0
        for _ in range(200):
            rows = await browser.evaluate(SHOWN)
            numbers = [number for number, _ in rows]
            check(numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"a hole among {numbers}")
            largest = max(largest, await browser.evaluate(
                "() => document.querySelectorAll('.list > *').length"))
            seen.update(rows)
            moved = await browser.evaluate("""async () => {
              const scroller = document.querySelector('.scroller');
              const list = document.querySelector('.list');
              const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
              scroller.scrollTop -= 300;
              await frame();
              const top = scroller.getBoundingClientRect().top;
              const row = [...list.querySelectorAll('.message')].find((node) =>
                node.getBoundingClientRect().bottom > top);
              const place = row.getBoundingClientRect().top, first = list.querySelector('.message').dataset.sequence;
              const isOver = () => list.querySelector('.message').dataset.sequence !== first
                || scroller.scrollTop > 500 || document.querySelector('.beginning');
              while (!isOver()) await frame();
              await frame();
              return row.isConnected ? Math.abs(row.getBoundingClientRect().top - place) : -1;
            }""")
            check(0 <= moved < 4, f"the text in view moved by {moved} pixels")
            if await browser.evaluate("""() => document.querySelector('.beginning') !== null
              && document.querySelector('.scroller').scrollTop === 0"""):
                break
        seen.update(await browser.evaluate(SHOWN))
        check(largest <= 600, f"{largest} rows are too many")

    # ------------------------------------------------------------ trouble

    async def hub_is_killed_in_mid_conversation(self):
        ada, bea = self.ada, self.bea
        await bea.click(".side-row", "general")
        for browser in (ada, bea):
            await browser.see(".channel h1", "general")
            await browser.click(".composer-input")
        count = 45
        half = asyncio.Event()

        async def write(browser, name):
            for number in range(1, count + 1):
                await browser.type(f"{name} {number}")
                await browser.press("Enter")
                if number == 15:
                    half.set()

        async def break_the_hub():
            await half.wait()
            self.hub.kill()
            await ada.see(".outgoing")
            await ada.see(".banner", "No connection")
            await self.shoot(ada, "hub-away")
            await self.shoot_dark(ada, "hub-away")
            await self.hub.start()

        await asyncio.gather(write(ada, "ada"), write(bea, "bea"), break_the_hub())
        wanted = {f"{name} {number}" for name in ("ada", "bea") for number in range(1, count + 1)}
        for browser in (ada, bea):
            await self.settled(browser, seconds=90)
            await browser.gone(".banner")
            await browser.until("all messages", """(texts) => {
              const shown = new Set([...document.querySelectorAll('.message .text')].map((text) => text.textContent));
              return texts.every((text) => shown.has(text)); }""", sorted(wanted))
        await self.compare_with_history(wanted)

    async def compare_with_history(self, wanted):
        """Both pages show exactly the hub's log, each message once, in its order."""
        channel = await self.ada.evaluate("() => document.querySelector('.channel').dataset.channel")
        reader = await Member.sign_in(self.hub.direct, "bea@example.org", PASSWORD)
        log = await reader.log(channel)
        await reader.leave()
        texts = [text for _, text in log]
        check(all(texts.count(text) == 1 for text in wanted), "the log has each message once")
        for name in ("ada", "bea"):
            own = [text for text in texts if text.startswith(f"{name} ")]
            check(own == sorted(own, key=lambda text: int(text.split()[1])), f"{name}'s stand in order")
        tail = [[number, text.replace("`", "")] for number, text in log]
        for browser in (self.ada, self.bea):
            shown = await browser.evaluate(SHOWN)
            check(shown == tail[-len(shown):], f"{browser.name} shows the log: {shown} against {tail}")
            check(len(shown) >= len(wanted), f"{browser.name} shows all of them")

    async def what_was_written_offline_survives_closing_the_page(self):
        ada, bea = self.ada, self.bea
        self.hub.kill()
        await ada.see(".banner", "No connection")
        for text in ("kept one", "kept two"):
            await self.say(ada, text)
        await ada.see(".banner", "2 messages are kept")
        await ada.go("about:blank")
        await self.hub.start()
        await ada.go(self.hub.origin)
        await ada.see(".message .text", "kept two")
        await self.settled(ada)
        await bea.see(".message .text", "kept two", seconds=90)
        for browser in (ada, bea):
            shown = [text for _, text in await browser.evaluate(SHOWN)]
            check(shown[-2:] == ["kept one", "kept two"], f"{browser.name}: {shown[-4:]}")

    async def tabs_share_session_and_outbox(self):
        ada, bea = self.ada, self.bea
        async with ada.second_page():
            await ada.go(self.hub.origin)
            await ada.see(".channel h1", "general")
            await self.say(ada, "from the second tab")
            await self.settled(ada)
            self.hub.kill()
            await ada.see(".banner", "No connection")
            await self.say(ada, "left by a closed tab")
            await ada.see(".outgoing")
        await self.hub.start()
        for browser in (ada, bea):
            await browser.see(".message .text", "left by a closed tab", seconds=90)
            await self.settled(browser)
            shown = [text for _, text in await browser.evaluate(SHOWN)]
            check(shown[-2:] == ["from the second tab", "left by a closed tab"], f"{browser.name}: {shown[-4:]}")

    async def links_are_found_and_nothing_else(self):
        cases = {
            "see http://a.example/x, then": ["http://a.example/x"],
            "(https://a.example/b_(c))": ["https://a.example/b_(c)"],
            "https://a.example/?q=1&r=%20#f!": ["https://a.example/?q=1&r=%20#f"],
            "<https://a.example>": ["https://a.example/"],
            "https://a.example https://b.example.": ["https://a.example/", "https://b.example/"],
            "javascript:alert(1) data:text/html,x //a.example ftp://a.example a.example": [],
            "JAVASCRIPT:https:alert(1) http://": [],
            "`https://a.example`": [],
        }
        found = await self.ada.evaluate("""async (texts) => {
          const { messageNodes } = await import('/app/text.js');
          return texts.map((text) => {
            const body = document.createElement('div');
            body.append(...messageNodes(text));
            return [[...body.querySelectorAll('a')].map((link) => link.href), body.textContent];
          }); }""", list(cases))
        for (text, links), (hrefs, shown) in zip(cases.items(), found):
            check(hrefs == links, f"{text}: {hrefs}")
            check(shown == text.replace("`", ""), f"{text} reads {shown}")

    async def too_long_is_refused_with_the_draft_kept(self):
        ada = self.ada
        await ada.evaluate("""() => { const input = document.querySelector('.composer-input');
          input.value = 'é'.repeat(9000); input.dispatchEvent(new Event('input')); input.focus(); }""")
        await ada.see(".composer-count.over")
        await ada.press("Enter")
        await ada.see(".composer-problem", "too long")
        check(await ada.evaluate("() => document.querySelector('.composer-input').value.length") == 9000,
              "the text is still there")
        await ada.evaluate("""() => { const input = document.querySelector('.composer-input');
          input.value = 'a draft'; input.dispatchEvent(new Event('input')); }""")
        await ada.click(".side-row", "planning")
        await ada.see(".channel h1", "planning")
        await ada.click(".side-row", "general")
        await ada.until("the draft", "() => document.querySelector('.composer-input')?.value === 'a draft'")
        await ada.evaluate("""() => { const input = document.querySelector('.composer-input');
          input.value = ''; input.dispatchEvent(new Event('input')); }""")

    # ------------------------------------------------------------ sessions and looks

    async def looks(self):
        ada, bea = self.ada, self.bea
        await self.shoot(ada, "conversation")
        await self.shoot_dark(ada, "conversation")
        await ada.click(".org")
        await self.shoot(ada, "menu")
        await ada.click(".segments label", "Dark")
        await ada.reload()
        await ada.see(".message")
        check(await ada.evaluate("() => document.documentElement.dataset.theme") == "dark", "the theme is kept")
        await ada.click(".org")
        await ada.click(".segments label", "Auto")
        await ada.press("Escape")
        await bea.size(390, 800)
        await self.shoot(bea, "narrow")
        await bea.click("button[aria-label^='Show channels']")
        await bea.until("the drawer", "() => document.querySelector('.sidebar').getBoundingClientRect().left === 0")
        await self.shoot(bea, "narrow-sidebar")
        await self.shoot_dark(bea, "narrow-sidebar")
        await bea.click(".side-row", "planning")
        await bea.see(".channel h1", "planning")
        await bea.until("the drawer to go",
                        "() => document.querySelector('.sidebar').getBoundingClientRect().right <= 0")
        check(await bea.evaluate("() => document.documentElement.scrollWidth <= 390"), "nothing sticks out")
        await bea.size(1280, 800)

    async def sessions_can_be_ended(self):
        ada, bea = self.ada, self.bea
        other = await Member.sign_in(self.hub.direct, "bea@example.org", PASSWORD)
        await bea.click(".org")
        await bea.click(".menu-item", "Your sessions")
        await bea.see("dialog .badge", "This one")
        await self.shoot(bea, "sessions")
        before = len(await bea.texts("dialog .button.danger"))
        await bea.click("dialog .button.danger", "Sign out")
        await bea.until("one session less", """(count) =>
          document.querySelectorAll('dialog .button.danger').length < count""", before)
        check(before < 2 or await self.end_all(bea), "all others ended")
        check(await other.closed() == 4501, "the other session's connection was closed as revoked")
        await bea.press("Escape")
        await ada.click(".org")
        await ada.click(".menu-item", "Sign out")
        await ada.see("h1", "Sign in")
        await ada.reload()
        await ada.see("h1", "Sign in")
        await ada.fill("input[name=email]", "ada@example.org")
        await ada.fill("input[name=password]", "not my password")
        await ada.press("Enter")
        await ada.see(".form-error", "wrong")
        await self.shoot(ada, "sign-in-error")
        await ada.evaluate("() => { document.querySelector('input[name=password]').value = ''; }")
        await ada.fill("input[name=password]", PASSWORD)
        await ada.press("Enter")
        await ada.see(".side-row", "general")

    async def end_all(self, browser):
        while count := len(await browser.texts("dialog .button.danger")):
            await browser.click("dialog .button.danger", "Sign out")
            await browser.until("one session less", """(count) =>
              document.querySelectorAll('dialog .button.danger').length < count""", count)
        return True

    async def nothing_was_refused_or_thrown(self):
        for browser in (self.ada, self.bea):
            bad = [text for level, text in browser.console if level == "error" and not _is_expected(text)]
            check(not bad, f"{browser.name}'s console: {bad}")

    # ------------------------------------------------------------ hands

    async def say(self, browser, text):
        await browser.click(".composer-input")
        await browser.type(text)
        await browser.press("Enter")
        await browser.until("an empty composer", "() => document.querySelector('.composer-input').value === ''")

    async def edit(self, browser, text):
        """Replaces the text in the open editor and saves it."""
        await browser.click(".editor textarea")
        await browser.press("Control", "a")
        await browser.type(text)
        await browser.press("Enter")
        await browser.gone(".editor")

    async def settled(self, browser, seconds=60):
        """Waits until nothing is on its way."""
        await browser.gone(".outgoing", seconds)

    async def shoot_dark(self, browser, name):
        await browser.evaluate("() => { document.documentElement.dataset.theme = 'dark'; }")
        await self.shoot(browser, f"{name}-dark")
        await browser.evaluate("() => { delete document.documentElement.dataset.theme; }")

    STEPS = [owner_sets_up, owner_creates_a_channel, owner_invites, second_person_accepts,
             a_used_up_link_says_so, second_person_joins, both_talk, own_messages_are_edited,
             typing_is_shown, presence_follows, direct_messages, closed_channels_are_hidden,
             unread_counts, keyboard, history_on_scroll, leaving_a_channel,
             hub_is_killed_in_mid_conversation, what_was_written_offline_survives_closing_the_page,
             tabs_share_session_and_outbox, links_are_found_and_nothing_else,
             too_long_is_refused_with_the_draft_kept, looks, sessions_can_be_ended,
             TrustSteps.a_slow_network, TrustSteps.the_hub_by_another_name, TrustSteps.signing_out_while_the_hub_is_away,
             TrustSteps.signing_out_reaches_other_tabs_without_the_hub, TrustSteps.name_and_password_change, TrustSteps.an_owner_resets_a_password,
             TrustSteps.the_list_stays_at_the_newest_while_one_writes,
             TrustSteps.a_phone_shows_what_is_unread_elsewhere, TrustSteps.four_hundred_unread_messages,
             TrustSteps.new_channels_reach_everybody, TrustSteps.an_edit_in_progress_is_kept,
             TrustSteps.lost_access_says_so, TrustSteps.who_left_keeps_the_name, TrustSteps.by_keyboard_alone,
             PeopleSteps.a_member_is_removed_from_a_channel, PeopleSteps.a_role_changes_what_one_can_do,
             PeopleSteps.a_link_is_withdrawn, PeopleSteps.who_is_removed_is_told,
             nothing_was_refused_or_thrown]

    # Where WebSockets are refused on the way.
    STREAM_STEPS = [owner_sets_up, owner_creates_a_channel, owner_invites, second_person_accepts,
                    second_person_joins, both_talk, StreamSteps.both_are_on_streams,
                    StreamSteps.a_reload_begins_with_a_stream, hub_is_killed_in_mid_conversation,
                    what_was_written_offline_survives_closing_the_page, StreamSteps.both_are_on_streams,
                    nothing_was_refused_or_thrown]


def _is_expected(text):
    """While the hub is away, browsers complain about its absence, and nothing else."""
    absence = ("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "establish a connection",
               "was interrupted while the page was loading", "WebSocket connection to")
    return any(words in text for words in absence) and "CSP" not in text


__all__ = ["BrowserError", "Scenario"]
