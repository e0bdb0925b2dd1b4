// The passwords that guessers try first, and the words that remain common whatever is put around them. The list is
// that of zxcvbn (MIT licence; docs/dependencies.md): of some 10 million passwords that became public, those of 8
// characters or more that were used most, and the words of 5 letters or more.

enum CommonPasswords {
    /// Whether guessers come to it early: one of the list, also with letters replaced as in `p@ssw0rd`, and with up to
    /// four other characters, or a run of digits, around it.
    /// - Parameter folded: in lower case.
    static func contains(_ folded: String) -> Bool {
        let scalars = Array(folded.unicodeScalars)
        guard Set(scalars).count >= 4 else { return true }
        let isOther = { (scalar: UnicodeScalar) in !scalar.properties.isAlphabetic }
        let head = scalars.prefix(while: isOther)
        let tail = scalars.dropFirst(head.count).reversed().prefix { isOther($0) }.reversed()
        // What stands at an end may be part of the word, as in `$unshine`.
        for from in isTrivial(Array(head)) ? [0, head.count] : [0] {
            for cut in isTrivial(Array(tail)) ? [0, tail.count] : [0] where from + cut + 4 <= scalars.count {
                if isListed(Array(scalars[from..<(scalars.count - cut)])) { return true }
            }
        }
        return false
    }

    /// Up to four characters; or a year, or digits that run up, down or stand still, with up to two signs.
    private static func isTrivial(_ run: [UnicodeScalar]) -> Bool {
        guard run.count > 4 else { return true }
        let digits = run.map { Int($0.value) - 48 }.filter { (0...9).contains($0) }
        guard run.count - digits.count <= 2 else { return false }
        guard digits.count > 4 else { return true }
        let steps = Set(zip(digits, digits.dropFirst()).map { ($1 - $0 + 10) % 10 })
        return steps.count == 1 && [0, 1, 9].contains(steps.first)
    }

    private static func isListed(_ scalars: [UnicodeScalar]) -> Bool {
        words.contains(hash(scalars)) || words.contains(hash(scalars.map { plain($0, one: "i") }))
            || words.contains(hash(scalars.map { plain($0, one: "l") }))
    }

    /// The letter that a figure or sign stands for.
    private static func plain(_ scalar: UnicodeScalar, one: UnicodeScalar) -> UnicodeScalar {
        switch scalar {
        case "@", "4": "a"
        case "3": "e"
        case "1", "!", "|": one
        case "0": "o"
        case "$", "5": "s"
        case "7", "+": "t"
        case "8": "b"
        case "9": "g"
        default: scalar
        }
    }

    /// FNV-1a (64 bit): that two of some thousand words meet is not to be expected, and would refuse one password
    /// more.
    private static func hash(_ scalars: some Sequence<UnicodeScalar>) -> UInt64 {
        scalars.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1.value)) &* 0x100_0000_01b3 }
    }

    /// What is kept of the list: 8 bytes a word.
    private static let words = Set(
        ([text] + ["correct horse battery staple", "contraseña"]).enumerated().flatMap { index, text in
            index == 0 ? text.split(whereSeparator: \.isWhitespace).map { hash($0.unicodeScalars) }
                : [hash(text.unicodeScalars)]
        })

    private static let text = """
        0.0.0.000 00000000 01011900 01011910 01011950 01011960 01011961 01011970 01011971 01011972 01011973 01011974
        01011975 01011976 01011977 01011978 01011979 01011980 01011981 01011982 01011983 01011984 01011985 01011986
        01011987 01011988 01011989 01011990 01011991 01011992 01011993 01011994 01011995 01011999 01012000 01012001
        01012010 01012011 01020304 01021990 01031985 01031988 01031989 01041985 01041988 01061986 01061990 01071986
        01081989 01091987 01091989 01121986 01121988 0123456789 0192837465 02011971 02011975 02011980 02011981 02011982
        02011983 02011984 02011985 02011986 02011987 02011988 02011989 02021971 02021973 02021976 02021979 02021981
        02021982 02021983 02021984 02021985 02021986 02021987 02021988 02021989 02021990 02031970 02031973 02031974
        02031975 02031977 02031978 02031979 02031980 02031981 02031982 02031984 02031985 02031986 02031987 02031988
        02031989 02041972 02041973 02041974 02041975 02041976 02041977 02041978 02041979 02041980 02041981 02041982
        02041983 02041984 02041985 02041986 02041987 02041988 02041989 02051970 02051972 02051973 02051975 02051976
        02051977 02051978 02051980 02051981 02051982 02051983 02051984 02051985 02051986 02051987 02051988 02051989
        02061971 02061972 02061974 02061976 02061977 02061980 02061982 02061983 02061984 02061985 02061986 02061987
        02061988 02061989 02071971 02071975 02071976 02071978 02071979 02071980 02071981 02071982 02071983 02071984
        02071986 02071987 02071988 02071989 02081970 02081973 02081974 02081976 02081977 02081980 02081982 02081983
        02081984 02081985 02081986 02081987 02081988 02081989 02091971 02091973 02091975 02091976 02091977 02091980
        02091981 02091983 02091984 02091985 02091986 02091987 02091989 02101973 02101976 02101977 02101979 02101981
        02101983 02101984 02101985 02101986 02101987 02101988 02101989 03031986 03041986 03041991 03082006 04041988
        04041991 05051985 05051987 05051989 06061986 07071977 07071987 07091990 08031985 08031986 08051990 08081988
        08121986 09051945 0987654321q 0o9i8u7y 10011986 10011990 10031988 10051987 10071987 10101986 10101990 10203040
        1020304050 10293847 1029384756 11001001 11051987 11051990 11061985 11081989 11111111 11112222 1111qqqq 11121986
        111222333 11223344 1122334455 112233445566 11235813 1123581321 12011987 12021988 12031985 12031987 12051988
        12121985 12121990 12131415 12312312 123123123 1232323q 123321123 12341234 12344321 1234509876 12345123 123454321
        1234554321 123456123 123456654321 12345677 12345678 123456789 1234567890 1234567890a 1234567890q 1234567890z
        1234567891 12345678910 1234567899 123456789987654321 123456789a 123456789d 123456789m 123456789o 123456789q
        123456789qwe 123456789r 123456789s 123456789v 123456789z 12345678a 12345678q 12345679 1234567a 1234567aa
        1234567q 12345687 123456987 123456aa 123456as 123456qqq 123456qw 123456qwe 123456qwerty 123456ru 12345abc
        12345qaz 12345qwe 12345qwer 12345qwert 12345qwerty 12348765 12349876 1234abcd 1234asdf 1234qwer 1234rewq
        1234zxcv 123581321 12365478 123654789 12369874 123698745 123789456 123qq123 123qwe123 123qweasd 123qweasdzxc
        123qwert 123qwerty 12qw12qw 12qw34er 12qwaszx 13021990 13031987 13041987 13041988 13061986 13121985 13243546
        134679852 1357908642 135792468 1357924680 135798642 14021985 14021986 14061991 14111986 14725836 147258369
        14785236 147852369 14789632 147896325 14881488 15011987 15021985 15051981 15051990 15101986 15426378 159753456
        16051987 16051989 16121987 17011987 17051988 17061988 18011987 18061990 18091985 18121812 18436572 19061987
        19101987 19283746 192837465 19411945 19871987 1a2b3c4d 1a2s3d4f 1michael 1million 1mustang 1passwor 1password
        1q2q3q4q 1q2w3e4r 1q2w3e4r5 1q2w3e4r5t 1q2w3e4r5t6y 1qa2ws3ed 1qaz2wsx 1qaz2wsx3edc 1qaz2wsx3edc4rfv 1qazxsw2
        1qazxsw23edc 1qazzaq1 1qw23er4 1x2zkg8w 1z2x3c4v 1z2x3c4v5b 20031987 20051988 20061988 20091988 20091991
        20111986 20202020 20spanks 21011989 21031987 21031988 21031990 21051988 21051991 21101986 22011988 22021986
        22021989 22031984 22041987 22041988 22061941 22071986 22446688 23021986 23041987 23skidoo 24011985 24061986
        24111989 24681012 25031987 25041988 25081988 25091987 25121987 25800852 25802580 26031988 26061987 27061988
        28011987 28021990 28021992 28041987 29011985 29051989 29071983 2wsx3edc 30031988 30041986 30051985 31011987
        31415926 321654987 369258147 3rjs1la7qe 44332211 45m2do5bs 4815162342 50spanks 55bgates 5wr2i7h8 66613666
        69camaro 73501505 74108520 74123698 741258963 741852963 7777777a 78945612 789456123 7894561230 789632145
        789654123 7ugd5hip2j 87654321 8j4ye3uz 911turbo 918273645 9293709b13 963258741 963852741 987456321 987654321
        9876543210 987654321a 99762000 a1234567 a12345678 a123456789 a1a2a3a4 a1b2c3d4 a1b2c3d4e5 a1s2d3f4 a1s2d3f4g5
        aa123456 aaaa1111 aardvark abc12345 abc123456 abcd1234 abcdefg1 abcdefgh abcdefghi aberdeen abgrtyu abnormal
        abracadabra abrakadabra acapulco access access14 access99 accord achilles acidburn action adgjmptw adidas admin
        admin123 administrator adrenalin aerosmit aezakmi agent007 aggies aikido airborne airbus airforce airplane
        alabama alabama1 alaska albatros alcatraz alejandr aleksandr aleksandra alessand alessandro alex1234 alexande
        alexander1 alexandr alexandre alexis aliens aligator alleycat allison1 allnight allstate alpha alpha123 alphabet
        alpine alterego amadeus amateur amateurs amazon ambrosia america america1 amethyst amsterda amsterdam anaconda
        anakin analsex anarchy anastasi anastasiya andrei andrey andromed andromeda andyod22 anfield angel angel123
        angel666 angels anhyeuem animal anime antelope anthony1 anthony7 anubis aolsucks apache apollo apollo11 apollo13
        apple apple123 applepie apples aquarius aragorn archange architec argentin arizona arizona1 armageddon armagedon
        armani armstron arsenal arsenal1 as123456 asdasd asdasd123 asdf1234 asdfasdf asdffdsa asdfg asdfg123 asdfgh
        asdfgh01 asdfghj asdfghjk asdfghjkl asdfjkl asdfqwer asdfzxcv asdqwe123 asdzxc aspirine assassin assfuck asshole
        asshole1 assholes asslover assman assmunch asterix astros atlanta atlanta1 atlantis atomic atreides auburn
        augustin aussie austin austin31 australi autumn avalanch avalon avatar avenger awesome awesome1 azamat azerty
        azertyui azertyuiop azsxdc azsxdcfv babemagnet baberuth babes babybear babyblue babyboy babycake babydoll
        babyface babygirl babylon babylon5 babylove backbone backdoor badabing badass badboy badger baggins bajingan
        baller balloons balls ballsack baltimor bambam banana bananas bandit bangkok banshee baracuda barbados barbie
        barcelon barcelona barefeet barefoot baritone barkley barney barselona baseball baseball1 basket basketba
        basketbal bassman bastard batman batman12 bcfields beagle beaner bearcats beast beatles beatles1 beautifu beauty
        beaver beavis beckham beckham7 beefcake beethove beetle bellagio bendover benessere bergkamp berlin bernhard
        bettyboo bettyboop bicycle bigballs bigbird bigblack bigblock bigboobs bigbooty bigboy bigbucks bigcock bigdaddy
        bigdick bigdick1 bigdicks bigdog bigfoot biggie bigguy bigmac bigman bigmoney bigone bigpoppa bigred bigtime
        bigtits bigtruck bikini billabon billabong billybob billyboy bingo binladen biohazard bionicle birdie birdman
        biscuit bisexual bismarck bismilla bismillah bitch bitchass bitches biteme bizkit blabla blackberry blackbir
        blackbird blackcat blackdog blackhaw blackhawk blackice blackie blackjac blackjack blacklab blackops blackout
        blacks blacky blade blades blahblah blaster blazer blessed blessing blink182 blizzard blonde blondes blondie
        blowfish blowjob blowme blue1234 blueball bluebell blueberr bluebird blueeyes bluefish bluejays bluemoon blues
        bluesky bluesman bluestar bobafett bobcat bobdylan bobmarley boeing bogdan bohica bollocks bollox bomber bondage
        bonehead boner bones bonjour boobies booboo boobs booger boogie bookworm boomboom boomer boots booty borabora
        bordeaux borussia bosco bossman boston bowler bowling boxing bradley1 brando brandon1 brandy brasil braves
        brazil breast breeze brighton britney bronco broncos broncos1 brooklyn browndog brownie browns brucelee bruins
        brutus bubba bubba123 bubbas bubble bubbles bubbles1 buckeye buckeyes buckshot budapest buddha buddy buddy123
        buddyboy buddydog budlight budman budweise budweiser buffalo buffalo1 buffett bugger bukowski bulldog bulldog1
        bulldogs bullet bullfrog bullseye bullshit bunghole bunny burger buster buster12 butch butter buttercu buttercup
        butterfl butterfly buttfuck butthead butthole buttons bynthytn byteme cabernet cactus cadillac caesar caliente
        californ caligula calimero callisto camaro camaross cambiami cambridg camel camelot camels cameltoe cameron
        cameron1 canada cancer cancun candyass candyman cannabis cannibal cantona cantona7 capetown capitals capoeira
        capone capricor capricorn capslock captain captain1 cardinal care1839 carebear carlitos carnival carolina
        carpedie carpediem carpente carpet carrot cartman cartman1 cartoon cartoons casablanca casanova caserta cashflow
        cashmone cashmoney casino casper cassandr cassie catdog catfight catfish catherin catman catwoman cavalier
        cbr900rr ccbill cdtnkfyf celica celine celtic celtics cerberus cessna cfitymrf chainsaw challeng champion champs
        changeme changeme! chaos charger chargers charisma charles1 charli charlie charlie1 charlie2 charlott charlton
        charly charmed checkers checkmat cheerleaers cheers cheese chelsea chelsea1 cherokee cherries cherry cheshire
        chester chester1 chevelle chevrole chevrolet chevy chevys10 chewbacc chewie cheyenne chicago chicago1 chichi
        chicken chicken1 chickens chickenwing101 chicks chiefs chipmunk chipper chocolat chocolate choochoo chopper
        chopper1 chris123 chrisbln chrissy christ christia christin christma christop christophe chronic chrysler chubby
        chuckles chucky churchil cinnamon civilwar cjkysirj cjkywt clancy clarinet classic classics claudia1 claymore
        cleopatr clevelan clippers clitoris close-up clover cnfybckfd cobra cobra427 cocacola cocksuck cocksucker
        coconut coffee coldbeer coldplay colombia colorado colors coltrane comanche commande commando compaq computer
        computer1 concorde concrete condor connect connor consumer contortionist cookie cookies cooldude cooler coolhand
        coolio coolman coolness cooter copenhag copper corleone cornhole corona correcthorsebatterystaple corvette cosmo
        cosmos cosworth cougar coventry cowboy cowboys cowboys1 coyote cracker crazybab crazyman creampie creamy
        creative creepers crescent cricket cricket1 crimson crjhgbjy cruise crunch crusader crystal1 cthulhu cthutq
        cucumber cuddles culinary cumming cumshot cupcake curious cutiepie cutlass cutter cxfcnmt cyclones cygnusx1
        daedalus dagger daisydog dakota dallas dallas22 dancer danger danie daniel12 daniil danila danni dannyboy
        daredevi daredevil darkange darkangel darklord darkness darkside darkstar darthvad david123 davids daydream
        daytona dbrnjhbz deadhead deadman deadpool deadspin death666 deathnote deepthroat deerhunt deeznuts deeznutz
        default defender defiant deftones delete delpiero delta demon666 denali derparol desert designer desire deskjet
        destiny destiny1 detroit detroit1 devil devil666 devildog devilman devils dexter dfcbkbcf dfkthbz dfktynby
        dfktynbyf dfvgbh diablo diamond diamond1 diamonds dickhead diesel dietcoke digger digital digital1 dilbert
        dilbert1 dilligaf dima1995 dingdong dinosaur dipstick dirtbike dirtydog discover disney dkflbckfd dkflbvbh
        doberman doctor dodger dodgeram dodgers dodgers1 doggie doggy doghouse dogman dogpound dolemite dollar dolphin
        dolphin1 dolphins domenico dominika dominion dominiqu domino donkey dontknow doobie doodle dookie doomsday
        dortmund doughboy douglas1 downhill dracula drago dragon dragon01 dragon12 dragon123 dragon69 dragonba
        dragonball dragonballz dragonfl dragonfly dragons dragoon dragster dreamcas dreamcast dreamer dreams driver
        drizzt drowssap drpepper drummer drummer1 dthjybrf dtkjcbgtl dtxyjcnm dublin ducati dumbass durango dutchess
        dutchman dynamite eagle eagles earnhard earthlin earthlink eastside eastwood eatme eatmenow eatpussy eatshit
        eclipse eclipse1 eduard eggplant einstein ejaculation ekaterina elcamino eldiablo eldorado electric electron
        element elephant elisabet elizabet elizaveta embalmer emerald eminem empire enforcer engage engineer england1
        enigma enter enternow enterpri enterprise erection ericsson erotic escalade escorpio escort espresso eternity
        euphoria evangeli evangelion everlast everton evolutio excalibu excalibur exigen exigent exodus explorer express
        extreme f00tball fabie fairlane falcon falcons fallen fandango fantasia fantasy fantasy1 fantomas farscape
        farside fastball faster fatass fatboy fatcat fatman favorite2 favorite6 fearless feathers feelgood fellatio
        fender fernand ferrari ferrari1 ferret fetish fgtkmcby fhvfutljy ficken fidelity figaro fighter filter
        finalfantasy finger fireball firebird fireblad firefigh firefly firefox firehawk fireman fireman1 firestorm
        firewall fishbone fishcake fisherma fisherman fishhead fishing fishing1 fishtank fitness fivestar fkbyjxrf
        fktrcfylh fktrcfylhf fktrctq flamengo flames flamingo flash flashman flathead flatron flexible flipflop flipper
        flipper1 florida florida1 flounder flower fluffy flvbybcnhfnjh flyboy flyers flyers88 foobar football football1
        fordf150 foreplay foreskin forest forever forever1 forgetit formula formula1 forsaken fortuna fossil foxtrot
        foxylady francesc francisc frankie1 franky freaks freaky freckles freddy frederik freebird freedom freedom1
        freedom2 freefall freepass freeporn freeuser freewill frenchie friday friday13 friends1 friendster frogger
        froggy front242 frontier frosty fruitbat fuck_inside fucked fucker fuckers fuckface fuckhead fucking fuckinside
        fuckit fuckme fuckme69 fuckoff fuckoff1 fuckthis fuckyou fuckyou1 fuckyou2 fujifilm fullback fullmoon funstuff
        funtime funtimes fusion fussball futurama futyn007 fuzzball fyfcnfcbz fyfnjkbq fylhtq fyutkbyf fyutkjxtr gabrie
        gabriel1 gabriell galaxy galina gallaries galore gambit gamecock gamecube gameover gandalf gandalf1 gangbang
        gangbanged gangsta gangster gannibal garden garfield gargoyle gateway gateway1 gateway2 gator gatorade gators
        gbhfvblf gbpltw geheim gemini general1 genesis genesis1 genius georgia1 geronimo gesperrt getmoney getsome
        gfgfvfvf gfhjkm gfhjkm123 gfhjkmgfhjkm ghbdtn ghbdtn123 ghbdtnbr ghbdtndctv ghbdtnrfrltkf ghblehjr ghbywtccf
        ghhh47hj7649 ghjcnbnenrf ghjcnj ghjcnjgfhjkm ghjcnjnfr ghjuhfvvf ghost ghostrider gianluca giants gigabyte
        ginger giorgi girls gizmo gizmodo gizmodo1 gjkbyf gladiato gladiator glendale gn56gn56 goblin goblue godbless
        goddess godfathe godfather godsmack godspeed godzilla gofish goforit gogators golden goldeney goldeneye goldfing
        goldfish goldstar goldwing golfball golfer golfing goober good123654 goodgirl goodluck goodtime goodyear
        goofball google goose gopher gordon24 gorilla gotcha gothic gotohell govols granny graywolf greatone greedisgood
        green123 greenbay greenday greenman gregory1 gremlin grendel greywolf griffey grizzly groovy groupd2013 grumpy
        gsxr1000 gtnhjdbx guardian guest guillaum guillerm guinness guitar gundam gunner gustav hacker hairball halflife
        hallo hallo123 hallowee hamburg hamlet hammer hammers hamster handball handyman hannah hannibal hansolo happines
        happy123 happyday happyman hardball hardcock hardcore harddick hardon hardrock hardwood harley harrypotter
        hattrick hawaii hawaii50 hawaiian hawkeye hawkeyes hawthorn hayabusa hearts heather1 heaven hedgehog heineken
        hellfire hello hello123 hellokitty hellsing hellyeah helpme hendrix hentai herbie hercules herewego hermes
        hershey hesoyam hetfield hidden highbury highheel highland highlander highlife hillbill hillside hiphop hitler
        hitman hjvfirf hobbes hobbit hockey holiday hollywoo holyshit homemade homepage homers homerun honda hondacbr
        honeybee honeybun hongkong honolulu hooker hooligan hoosiers hooters hooters1 horndog hornet horney horny horse
        horseman horsemen horses hotboy hotdog hotgirls hotpussy hotrod hotsex hotstuff hottie hounddog housewifes
        houston1 htubcnhfwbz hugetits hugoboss hummer hunter hunter12 hunting hurrican husker huskers huskers1 huskies
        hustler hyperion ibanez icecream icehouse iceman idontkno idontknow iforgot iguana ihateyou ilikepie illini
        illmatic illusion ilovegod ilovepussy ilovesex iloveu iloveyo iloveyou iloveyou1 iloveyou2 ilya1234 immortal
        impala implants incubus india123 indiana indians indigo inferno infiniti infinity insane insomnia inspiron
        integra interacial intercourse internet intrepid intruder inuyasha ireland1 irina irishman ironmaiden ironman
        islander istanbul istheman italia italiano ivanov iverson iverson3 iwantu jackal jackass jackass1 jackoff
        jackson1 jackson5 jaguar jamaica james007 james123 jamesbon jamesbond jammer japanees jarhead jasmine jasmine1
        jasper jayhawks jediknig jeepster jefferso jeffrey1 jellybea jellybean jennifer jennifer1 jericho jessica1
        jessica2 jester jesus123 jesus777 jethro jiggaman jimbo jimbob johannes johncena johndeer johngalt johnson1
        joker jordan jordan23 josephin joystick jrcfyf juice jumper jungle junior junkmail jupiter jupiter1 jupiter2
        jurassic just4fun justdoit justice justice1 justinbieber justme juventus kakashka kaktus kamasutra kamikadze
        kamikaze kangaroo kansas karate karina karolina kasper katana katarina katerina katrin kawasaki kazantip
        kcchiefs kcj9wx5n keeper kenneth1 kenwood kenworth keyboard keystone kicker kicksass kikimora killbill killer
        killer12 killer123 killme kingfish kingkong kingpin kingston kirill kisses kissme kissmyas kissmyass kitkat
        kitten kitty kittycat kittykat kjrjvjnbd klaster kleopatra klondike knickerless knickers knicks knights knockers
        knuckles kodiak kolobok komputer konstantin kordell1 koroleva kotenok krasotka krishna kristen1 kristin1
        krokodil labrador labtec lacrimosa lacrosse ladybug laetitia laguna lakers lakeside lakewood lalakers
        lamborghini lancelot lancer lansing lapochka laptop larisa laserjet lasvegas latino lavalamp leather
        leavemealone lebowski ledzep leedsutd left4dead legacy legend legion legolas lemonade lennon lenochka leonidas
        leopard lesbian lesbians lespaul lestat letmein letmein! letmein1 letmein2 letmesee letsdoit letsfuck letsgo
        lexmark lfitymrf libertad liberty liberty1 licker lickit lickme lifehack lighthou lightnin lightning lights
        lilwayne limewire lincoln1 lineage2 lionhear lionheart lionking liquid livelife liverpoo liverpool liverpool1
        livewire lizard ljxtymrf lobster lockdown lockerroom login logitech lokomotiv lol12345 lollipop lollol lollypop
        london lonesome lonestar lonewolf longdong longhair longhorn longjohn looker losangeles loser love1234 lovehate
        loveit lovelife lovely loveme lover loverboy loverman lovers loveyou lowrider lucifer lucky lucky123 luckydog
        luckyone ludacris lunchbox lvbnhbq macaroni macdaddy macgyver machine macintos madagaskar madala11 maddie maddog
        madison madison1 madman madmax madness madonna madonna1 maestro magellan maggie magic magic123 magician magicman
        magnum magnus maiden mailcreated5240 mailman majestic makaveli makeitso maksim maksimka malibu mallard mallorca
        mallrats mamacita mamapapa mamochka manager1 manchest manchester mandarin mandingo mandrake maniac mannheim
        manson manunited manutd maradona marathon marauder marcello marcius2 margarit marijuan marijuana marina marine
        mariners marines marines1 marino marino13 mariposa marlboro marley marseill marseille martini maryjane masamune
        maserati mash4077 massive master master12 masterbate masterbating mastermind matchbox matrix matthew1 matthias
        mature maurizio maverick maxima maximus maxpower maxwell maxwell1 mayday mayhem mazafaka mazda323 mazda626
        mazdarx7 meatball meathead meatloaf mechanic megadeth megaman megapass megatron melanie1 melissa1 mellon memphis
        meowmeow mephisto mercedes mercury mercury1 meridian merlin mersedes metallic metallica metallica1 mexico miami
        michael1 michael2 michelle michelle1 michigan mickey microlab microphone microsof microsoft midnight mighty
        mike1234 mikey milamber milano millenium millwall minecraft minimoni minnesot mirage mischief misfit99 mississi
        mister mistress mnbvcxz mobydick modelsne mojojojo molly123 mollydog moloko molson momoney monalisa monday money
        money123 moneyman moneys mongoose monitor monkey monkey12 monkey69 monkeybo monkeyboy monkeys monolith monopoly
        monster monster1 montana montana1 montecar monterey montgom240 montreal montrose moocow mookie moomoo moonbeam
        moonligh moonlight moonshin moose morpheus morrowind mortgage mortimer moscow motdepasse mother motherlode
        motocros motocross motorola mountain mouse mozart mudvayne muffin mulder multiplelo munchkin muppet muscle
        mushroom musicman mustang mustang1 mustang2 mustang5 mustang6 mustangs myfriend mylove mynameis mypass
        mypassword myspace1 mystic myxworld naked nancy123 napass naruto nascar nascar24 nastenka nasty nastya natali
        natalie1 natasha natasha1 natedogg nathanie naughty naughty1 nautilus navigator navyseal ncc1701a ncc1701d
        ncc1701e ncc74656 nebraska nemesis nemrac58 neptune netscape nevada nevermin nevermind nevermore newcastl
        newlife neworder newpass newpass6 newport newstart newyork newyork1 nfnmzyf nicetits nicola nigger nightmar
        nightowl nightwin nightwish nikita nimrod nineball nineinch niners ninja nintendo nipple nipples nirvana
        nirvana1 nissan nocturne nofear nokia nokia123 nokia5130 nokia5530 nokia5800 nokia6233 nokia6300 nokian73
        nolimit noname123 noodle noodles nookie nopass nopassword normandy nosferatu nostromo notebook nothing1 notredam
        nounours nthvbyfnjh ntktdbpjh nugget nuttertools nwo4life nygiants nylons nymets oakland obiwan oblivion
        obsidian ohyeah oilers oksana oldman oliver omega onelove online opendoor openup operator optimist oracle orange
        oranges orioles orion osiris outlaw outsider overkill overlord oxford p0015123 p0o9i8u7 p4ssw0rd p@ssw0rd
        p@ssword pa$$word pa55w0rd pa55word packard packer packers packers1 pacman paintbal paintball pakistan paladin
        paladin1 pallmall palmtree panama panasoni panasonic pancho panda pandora panorama pantera pantera1 panther
        panther1 panthers panties pantyhos panzer papabear papamama paperino papillon paradigm paradise paradox paramedi
        parlament parola parrot pasadena pascal pass1234 passat passcode passion passmast passport passw passw0rd
        passwor passwor1 password password! password01 password1 password1! password11 password12 password123 password2
        password9 password99 passwords passwort patches patches1 pathfind patrick1 patriot patriots pavement pavilion
        peaches peaches1 peanut peanuts pearljam pebbles peekaboo peewee pegasus pencil penetration penguin penguin1
        penguins penis pennywis penthous pentium pepper pepsi perfect1 pertinant pervert peterbil peterpan petrovich
        peugeot phantom phantom1 pharmacy phialpha philippe philips phillies philly phoenix phoenix1 photos phpbb
        pianoman picard picasso piccolo pickle pickles pictuers piercing piglet pikachu pimpdadd pimpdaddy pimpin
        pineappl pineapple pinetree pingpong pinkfloy pinkfloyd pinnacle pioneer pipeline pippen33 piramida pirate
        pirates pistol pitbull pitchers pizza pizzahut pizzaman planet plastic plastics platinum platypus playball
        playboy playboy1 playboy2 player playmate playstat playstation playtime plumber plymouth poison poiuyt
        poiuytrewq pokemon pokemon1 polaris police polina polniypizdec0211 polska poncho pontiac poohbear pookie
        pool6123 poontang pooper poophead poopie poopoo popcorn popcorn1 popeye porkchop pornking porno pornstar porsche
        porsche1 porsche9 portland portugal poseidon possum postal potato powder power123 powerman preacher precious
        predator prelude presario presiden primus prince princes princesa princess princess1 pringles printer private
        private1 privet priyanka prodigy psycho pufunga7782 pumpkin pumpkin1 pumpkins punisher punkin punkrock puppies
        puppy puppydog purple pussies pussy pussy123 pussycat pussylover pussyman pussys putter pyramid python q1234567
        q123456789 q1q2q3q4q5 q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 q2w3e4r5 qawsed qawsedrf qaz123wsx qazqaz qazwsx qazwsx12
        qazwsx123 qazwsxed qazwsxedc qazwsxedc123 qazwsxedcrfv qazxsw qazxsw123 qazxswedc qq123456 quant4307s qw123456
        qwaszx qwe123qwe qweasd qweasd123 qweasdzx qweasdzxc qweasdzxc123 qwedsazxc qweqwe qwer1234 qwerasdf
        qwerasdfzxcv qwert qwert123 qwert12345 qwerty qwerty11 qwerty12 qwerty123 qwerty1234 qwerty12345 qwerty123456
        qwerty13 qwertyu qwertyui qwertyuio qwertyuiop qwertz qwertz123 r2d2c3po rabbit racecar racerx racing radiohea
        radiohead ragnarok raider raiders raiders1 rainbow rainbow1 rainbow6 rainbows rainyday raistlin rammstein random
        ranger rangers rangers1 raptor rascal rasputin rastaman raven ravens raymond1 rbhbkk realmadrid reaper rebecca1
        rebel rebels reckless redalert redbaron redbull reddevil reddog reddwarf redhead redheads redhot redlight redman
        redneck redrum redskins redsox redwings reebok reloaded remingto renegade rescue retard revoluti revolver
        rfgbnjirf rfhbyf rfhfvtkmrf rfhfylfi rfhnjirf rfnthbyf rfntymrf rfrfirf rfvfcenhf rhbcnbyf rhfcfdbwf rhfcjnrf
        rhjrjlbk rhtdtlrj riccardo richard1 riffraff rightnow ripper riverrat riversid rjhjktdf rjirfrgbde rjntyjr
        rjycnfynby roadkill roadking roadrunn roadrunner roadster robotech robotics rocker rocket rockets rockford
        rockhard rocknrol rocknroll rockon rocks rockstar rocky123 roller rolltide romashka rommel ronaldinho ronaldo
        rookie rooster roosters root1234 rootbeer rosebud rosebud1 rosewood rotten rovers rubber rulez runescape runner
        rush2112 rushmore ruslan russia rustam rustydog sabbath sabine sabrina1 sailboat sailing sailor saints sakura
        salamander salasana salmon salvator samantha sammy123 samson samsung samsung1 samurai sandiego sandman sandman1
        sandrine sandro sapphire sarajevo saratoga sasha123 sasha_007 sassy satan satan666 saturn sausages saxophon
        sayang scarface scarlet schalke scheisse scirocco scooby scoobydo scoobydoo scooter scooter1 scorpio scorpio1
        scorpion scorpions scotch scotland scotty scrabble scrapper scrappy scream screamer screwyou scruffy scully
        seahawks sealteam seattle sebastia secret security seductive segblue2 seinfeld select seminole semperfi senators
        sentinel sephirot sephiroth septembe serega serenity sergbest sergei sergey sersolution server service1 sesame
        sexsex sexual sexybabe sexybitch sexygirl sexylady sexymama sfgiants shadow shadow12 shaggy shalom shaman
        shamrock shaney14 shannon1 shaolin shark sharks shasta shaved shazam sheepdog shelby shemale sherlock shiloh
        shinigami shitface shithead shitty shogun shooter shorty shotgun showme showtime shredder sidekick siemens
        sierra sigmachi silver silverad silverado simba simple simpsons sinatra singapor sinister sinner sirius sithlord
        sixers skateboard skater skeeter skeeter1 skiing skinhead skinny skipper skipper1 skippy skittles skorpion
        skydiver skyline skywalke skywalker slamdunk slapnuts slappy slapshot slayer sleepy slick slimshad slimshady
        slipknot slippery slowhand sluts smackdow smackdown smartass smashing smeghead smiles smiley smirnoff smirnova
        smitty smoke smoke420 smoker smokey smokin smooth smoothie smudge snake snakes snapper snapshot snatch sneakers
        snickers sniper snoopdog snoopy snowball snowbird snowboar snowboard snowflak snowman snuggles sobaka soccer
        soccer10 soccer11 soccer12 socrates softball softtail software sojdlg123aljg sokolova soldier soleil solitude
        sommer sonic sonyericsson sonyfuck sooners sooners1 sophie sopranos soso123aljg soulmate southpar southpark
        southpaw spaceman spanking spankme spanky sparhawk sparkles sparky sparta spartak spartan spartan1 spartans
        speaker special1 specialk spectrum speedy spencer1 spider spiderma spiderman spiderman1 spidey spike spirit
        spitfire splash splinter spongebo spongebob spooky spring sprint sprinter sprite sprocket spunky spyder
        squerting squirrel squirt srinivas stalker stallion stanislav stanley1 starbuck starcraf starcraft stardust
        starfire starfish stargate starligh starlight starlite starship start123 startrek starwars starwars1 stealth
        steelers stephani stephen1 sterlin stewart1 stickman sticks sticky stigmata stiletto stimpy stinger stingray
        stinky stocking stonecol stonecold stones stonewal stoppedby storm stormy stranger stratfor strawber strawberry
        streaming strider strike striker stripper stupid subaru sublime success success1 suckcock suckdick sucker suckit
        suckme suckmydick sucks sugar sultan summer summer69 summer99 summit sundance sunday sundevil sunflowe sunflower
        sunlight sunnyday sunrise sunset sunshine sunshine1 super super123 superfly superman superman1 supernov
        supernova supersonic supersta superstar surfer surfing surveyor survivor suzuki svetik svetlana swallow sweetnes
        sweetness sweetpea sweets sweety swimming swinger swingers swinging swordfis swordfish sydney sylveste
        syncmaster syracuse tacobell tacoma taekwondo tailgate talisman tamerlan tampabay tangerin tanker tardis target
        tarheel tarheels tarzan tattoo tatyana taurus tazman tazmania tdutybq teacher technics techno teddybea teddybear
        teens telefon telephon tempest temppass tennesse tennis tequila terminat terminator terrapin terror test1234
        tester testing testing1 testpass testtest thailand thanatos thankyou thebeast thedoors theforce thegame thegreat
        thekid theking theman theone therock therock1 thetruth thirteen thisisit threesom thuglife thumbnils thumper
        thumper1 thunder thunder1 thunderb tiberius tickle tickling ticklish ticktock tiffany1 tiger tiger123 tigercat
        tigers tigger timber timothy1 timoxa94 tinker tinkerbe tinkerbell tinman tintin titanic titanium titans titleist
        titties tkbpfdtnf tokiohotel tolkien tomahawk tomato tomcat tommyboy toonarmy topcat topdog topgun topolino
        topper topsecret toriamos tornado toronto tortoise toshiba tottenha tottenham toulouse toyota tractor trance
        transam translator travel traveler treasure trebor treefrog trfnthbyf triangle tricky trigger trinitro trinitron
        trinity trinity1 triton triumph trixie trojan trojans trombone trooper trooper1 trouble trouble1 truck trucker
        trucking trucks trueblue truelove truffles trumpet trumpet1 trunks trustno trustno1 tuesday tunafish turbo
        turkey turkey50 turtle tweety twilight twister ultima ultimate umbrella underdog undertak undertaker unicorn
        universa unreal user1234 username usmarine usuckballz1 utopia vacation vader vagabond vagina valentin valentina
        valera valeriya valhalla valkyrie valleywa vampire vampire1 vancouve vanessa1 vanguard vanhalen vanilla vasilisa
        vauxhall vectra vegeta velvet vendetta verbatim veritas veronika vertigo vette vfhbyf vfhbyjxrf vfhecz vfhufhbnf
        vfitymrf vflfufcrfh vfntvfnbrf vfrcbv vfrcbvrf vfvfgfgf vfvjxrf victory victory1 viewsoni viewsonic viking
        vikings vikings1 viktor viktoria viktoriya vincent1 violator violetta viper vipergts vipers virgin virginie
        vision vivitron vjqgfhjkm vkontakte vladik vladimir vladislav vodafone volkswag volleyba voodoo vortex voyager
        voyager1 vqsablpzla vsjasnel12 vulcan wachtwoord walnut wanderer wanker warcraft warcraft3 wareagle warhamme
        warhammer warlock warlord warrior warrior1 warriors washingt waterboy waterfal waterloo waterski wdtnjxtr
        weare138 weasel webhompas webmaste webmaster websol76 websolutions wednesda weezer welcome welcome1 welcome2
        wellingt werewolf westham westside westwood wetpussy wg8e3wjf whatever wheels whiplash whiskers whiskey whistler
        whiteboy whiteout whitesox whocares whoknows whore whynot wicked wildbill wildcard wildcat wildcats wildfire
        wildwood william1 willow windmill windows windsurf winner winston winston1 winter winter99 wisdom wishbone
        wizard wolfgang wolfman wolfpack wolverin wolverine wolves wombat wonderboy wonderfu woodland woodstoc woodstock
        woodwork woody woofwoof wookie wordpass wp2003wp wrangler wrestlin wrinkle1 wrinkles wutang xanadu xavier xfiles
        xtreme yamaha yamahar1 yankee yankees yankees1 yankees2 yaroslav ybrbnf yeahbaby yellow yfcntymrf yfnfif
        yjdsqgfhjkm yogibear yomama yosemite yourmom ytrewq z1x2c3v4 z1x2c3v4b5 zachary1 zanzibar zaphod zaq12345
        zaq12wsx zaq1xsw2 zaq1zaq1 zaqwsx zaqwsxcde zaqxsw zaqxswcde zeppelin zerocool zidane zildjian zipper zombie
        zvezda zxasqw12 zxcasd zxcasdqwe zxcasdqwe123 zxcv1234 zxcvasdf zxcvb123 zxcvbn zxcvbnm zxcvbnm1 zxcvbnm123
        """
}
