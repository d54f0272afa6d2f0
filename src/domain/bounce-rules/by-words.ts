import type { BounceRule } from '../classification.ts';
import { INACTIVE_ELSEWHERE, NO_SUCH_MAILBOX_ELSEWHERE } from './languages.ts';

/** Words that can only mean that the mailbox does not exist, in the languages that servers write. */
const NO_SUCH_MAILBOX =
  /(?:no|unknown|not a) such (?:user|mailbox|recipient|address|person|account|mail ?drop|alias|name|local|addressee|e-?mail|id\b|login)|(?:user|recipient|mailbox|account|address|addressee|alias|username|person|e-?mail|name|login|local part|mail ?box|receiver|destination)(?: name| id| address| account| e-?mail)?(?:s\b|\(s\)|\b)(?: ?<?@>?| [^\s]{1,64})? {0,2}\(?(?:(?:is|are|was|were|has|have|does|do|could|can|been|be|an?) ?){0,4}(?:unknown|not ?found|not known|un ?known|(?:not|n[o']t) exist|inval(?:id|ed)|not (?:be )?(?:found|valid|recogni[sz]ed|listed|locat|resolv|a valid|local|on this|here|in|defined|have an? account|registered|match)|non-?existent|nonexistent|undefined|unrecogni[sz]ed|no longer (?:exist|valid|in use|on|a |here|at |with |work|employ|registered|available|have)|unroutable|deleted|removed|closed|terminated|cancell?ed|gone|incorrect)|(?:does|do|did) ?n[o']t (?:exist|have (?:an? )?(?:account|mailbox)|belong)|does ?n.t exist|unknown (?:local |virtual )?(?:user|recipient|mailbox|account|address|e-?mail|alias|local|username|name|to address|destination address|rcpt|addressee|or illegal|or invalid)|(?:invalid|non-?existent|illegal|bad|unrecogni[sz]ed|incorrect|erroneous|undefined|inexistent) (?:or unknown |final |destination |delivery |e-?mail )?(?:recipient|mailbox|user|address|mail ?box|destination|rcpt|account|to address|local)s?|(?:does not have|doesn't have|has no|have no|no) (?:an? )?(?:(?:valid|yahoo\.com|e-?mail|local|hotmail|active|such|matching|known|aol|mail|\S{1,40}) ){0,2}(?:account|mailbox)\b|no mailbox (?:here|by that name|for|found)|no (?:user|account|recipient|one|body)(?: here| by| with| named| at| of)? (?:that|this|the)? ?name|nobody (?:here|by|with|of) |recipient address rejected: (?:user|undeliverable|unknown|.{0,20}not)|(?:recipient|address|user|mailbox|account)[^\n]{0,60}(?:could|can)(?:not| not|n't) be (?:found|resolved|located|matched|verified)|(?:could|can|did)(?: ?not|n't) (?:find|resolve|locate|match|look ?up)[^\n]{0,40}(?:recipient|user|mailbox|account|address)|(?:recipient|user)(?: name)? (?:is )?not (?:recogni[sz]ed|listed|in (?:the )?(?:directory|address book|list|our))|not listed in[^\n]{0,40}(?:directory|name (?:&|and) address|address book)|(?:directory|address book) (?:lookup )?(?:failed|no match)|address (?:couldn't be found|not found|unknown|wasn't found|error)|(?:wasn't|was not) found at|unrouteable address|unroutable address|unroutable mail|undeliverable address|addressee unknown|not our customer|(?:is )?not an? (?:valid |known |local |registered |current |existing )?(?:user|mailbox|recipient|customer|subscriber|address|account)\b|is not a member|no entry (?:for|with|under)[^\n]{0,20}(?:name|address)|(?:mailbox|address|account)[^\n]{0,40}is no longer (?:in use|valid|available|in service)|unknown or (?:invalid|illegal|non)|user \(?s?\)? ?(?:account )?(?:not|unknown)|(?:this|that|the) (?:e-?mail )?(?:address|account|mailbox|user) (?:no longer|has been (?:closed|deleted|removed|terminated|cancel)|was (?:closed|deleted|removed)|is (?:closed|gone|not (?:valid|active here|in use)|no longer))|(?:e-?mail|mail) address (?:you|that you)[^\n]{0,60}(?:not exist|incorrect|unknown|not found|invalid)|(?:account|mailbox|address)[^\n]{0,60} has been (?:closed|deleted|removed|terminated|cancel)|(?:not|n't) a (?:valid )?(?:user|mailbox)|mailbox not (?:found|available here)|no valid recipients?|no matches to nameserver query|^#?(?:[45]\.1\.0 )?address rejected|recipient unknown|bad destination mailbox|invalid final delivery|(?:user|recipient|address|mailbox)[^\n]{0,40} (?:is |was )(?:not (?:known|registered|listed|defined|found)|unknown|not recogni[sz]ed)/i;

const NO_SUCH_MAILBOX_ABROAD =
  /unbekannte?r? (?:empfänger|benutzer|adresse|nutzer|user)|(?:benutzer|empfänger|postfach|adresse|e-?mail-?adresse|nutzer|konto|account)[^\n]{0,60}(?:existiert (?:nicht|leider nicht)|nicht gefunden|unbekannt|nicht vorhanden|nicht bekannt|nicht bei uns|ungültig|nicht (?:mehr )?(?:gültig|erreichbar))|(?:utilisateur|destinataire|adresse|bo[iî]te|compte)[^\n]{0,60}(?:n'existe (?:pas|plus)|inconnue?|introuvable|invalide|inexistant)|(?:usuario|direcci[óo]n|cuenta|buz[óo]n|destinatario|casilla)[^\n]{0,60}(?:no existe|desconocid|inexistente|no (?:se )?(?:ha )?(?:encontr|pudo encontrar)|no (?:es )?v[áa]lid|inválid)|no existe (?:el|la|ningún|este|esta|un)|(?:utente|casella|indirizzo|destinatario|account)[^\n]{0,60}(?:sconosciut|inesistente|non (?:esiste|trovat|valid|è valido))|(?:usu[áa]rio|caixa|endereço|conta|destinat[áa]rio)[^\n]{0,60}(?:não (?:existe|encontrad|foi encontrad)|inexistente|desconhecid|inv[áa]lid)|(?:gebruiker|ontvanger|adres|postbus|geadresseerde)[^\n]{0,40}(?:onbekend|bestaat niet|niet gevonden)|(?:användare|mottagare|adress)[^\n]{0,40}(?:finns inte|okänd)|(?:uživatel|adresát|schránka|adresa)[^\n]{0,40}(?:neexistuje|neznám)|nieznan[ya] (?:użytkownik|adresat|odbiorca)|(?:użytkownik|adresat|skrzynk|adres|konto)[^\n]{0,40}(?:nie istnieje|nieznany|nie znalezion)|(?:пользовател|ящик|адрес|получател|абонент|учетн)[^\n]{0,80}(?:не существует|не найден|неизвест|не зарегистрирован|удал[её]н|несуществ|неверн)|нет такого|несуществующ|неверный адрес|(?:ユーザー?|あて先|宛先|宛て先|送信先|メールアドレス|アドレス|受信者|受信人|メールボックス)[^\n]{0,40}(?:見つかりません|存在しま|存在しない|不明|見つからな|無効|間違|ありません|ございません|認識できません|正しく|存在せず)|存在しない(?:ユーザ|アドレス|メール|宛先)|(?:用户|用戶|使用者|收件人|收件者|收信人|邮箱|郵箱|帐号|账号|帐户|账户|帳號|信箱|地址|邮件地址)[^\n]{0,24}(?:不存在|未找到|找不到|无效|無效|有误|错误|錯誤|不正确|不可用|未注册)|无此(?:用户|人|邮箱|收件)|查无此人|查無此|沒有(?:這個|此)|没有(?:这个|此|该)|(?:사용자|수신자|수신인|수신처|받는 ?사람|계정|메일 ?주소|주소|메일함|아이디|회원)[^\n]{0,30}(?:없습니다|존재하지|찾을 수 없|없음|없는|잘못|유효하지)|존재하지 않는|없는 (?:사용자|계정|주소|메일)/iu;

const NO_SUCH_HOST =
  /destination (?:e-?mail )?(?:system|host|server|domain) (?:is |was )?(?:unknown|not found|invalid)|host(?: name)?(?: or domain name)? (?:unknown|not found|lookup (?:failed|error)|does not exist|was not found|could not be (?:found|resolved))(?!,? try again)|unknown (?:mail )?(?:host|domain)|(?:domain|host|hostname|dns domain|mail domain|destination domain|domain name|recipient domain)(?: name)? ?(?:<?@?[\w.-]{1,80}>?)? {0,2}(?:(?:is|does|was|could|has|can|do|been|be|an?) ?){0,4}(?:not ?found|unknown|n[o']t exist|not (?:be )?(?:found|resolve|valid|a valid)|invalid|non-?existent|no longer (?:exist|valid)|unresolvable|expired|not exist)|(?:no such|bad|nonexistent|non-existent|invalid) (?:host|domain|destination (?:host|system|domain))|(?:could|can)(?:not| not|n't) (?:find|resolve|locate)[^\n]{0,30}(?:host|domain|mail exchanger|mx|server name)|couldn't find any host|no (?:valid )?(?:mx|mail (?:exchanger?|server|host))(?: record| host)?s?(?: or a record| found| for| exist| defined)|all relevant mx records point to non-existent hosts|(?:all )?host address lookups failed permanently|name or service not known|illegal host\/domain|\bnxdomain|null mx|domain has no mail exchang|does not (?:accept|receive) (?:any )?(?:mail|e-?mail) \(nullmx\)|no mx or an?\b|ドメイン[^\n]{0,24}(?:見つかりません|存在しま|存在しない|不明)|(?:域名|网域|網域)[^\n]{0,16}(?:不存在|找不到|无效|错误)|도메인[^\n]{0,20}(?:없|존재하지|찾을 수)|домен[^\n]{0,40}(?:не существует|не найден)|domäne?[^\n]{0,40}(?:existiert nicht|nicht gefunden|unbekannt)|(?:domaine|dominio|domínio)[^\n]{0,40}(?:n'existe pas|inconnu|no existe|inesistente|non esiste|não existe)/iu;

/** What the words say where the code says nothing, or only something general. */
export const RECIPIENT_WORD_RULES: readonly BounceRule[] = [
  {
    id: 'look-up-failed-words',
    enhanced: /^(?:[45]\.(?:0\.0|1\.0|3\.0|4\.\d+|5\.0))?$/,
    text: /host not found,? \(?try again|name service error[^\n]{0,120}(?:try again|server (?:failure|reply))|\bservfail\b/i,
    class: 'routing',
    severity: 'none',
    why: 'Postfix and others: the name servers of the domain did not answer, which says nothing about whether it exists',
    samples: [
      'Host or domain name not found. Name service error for name=a.example type=MX: Host not found, try again',
    ],
  },
  {
    id: 'no-such-host-words',
    enhanced: /^(?:[45]\.(?:0\.0|1\.0|3\.0|4\.0|4\.3|4\.4|4\.310|5\.0))?$/,
    stage: /^(?:rcpt|data|body|dot)?$/,
    text: NO_SUCH_HOST,
    class: 'invalid-domain',
    severity: 'hard',
    why: 'the domain does not exist, or has no host that takes mail; relays say so with x.4.4 or without a code',
    samples: [
      '550 5.4.4 Host or domain name not found. Name service error for name=nowhere.example type=A: Host not found',
      '550 Host unknown (Name server: nowhere.example: host not found)',
      '550 5.0.0 all relevant MX records point to non-existent hosts',
    ],
  },
  {
    id: 'relaying-denied',
    text: /relay(?:ing)?(?: access| attempt| mail| this| of mail)? (?:is |was )?(?:denied|not (?:permitted|allowed|possible|authori[sz]ed)|prohibited|refused|rejected|disallowed)|not permitted to relay|(?:unable|cannot|can't|refuse|not allowed|won't|will not) to? ?relay|we do(?: not|n't) relay|\brcpthosts\b|open relay|relay (?:for|to|not)|authentication for relay|we do not (?:handle|accept) mail for|not a gateway|no relay|that domain isn't (?:in my list|allowed)|does not accept mail for|not (?:a )?(?:local|hosted|handled)(?: domain| here)|domain (?:is )?not (?:hosted|local|handled|configured|allowed)|domain isn't/i,
    class: 'not-accepted-here',
    severity: 'none',
    blames: 'network',
    why: 'the server does not handle that domain: a wrong MX or a wrong relay of ours',
    samples: ['550 5.7.1 Relaying denied', "553 sorry, that domain isn't in my list of allowed rcpthosts"],
  },
  {
    id: 'closed-to-us',
    text: /(?:only|just) (?:accepts?|allows?|receives?) (?:mail|e-?mail|messages?) from|(?:not|n't) (?:allowed|permitted|authori[sz]ed|have permission) to (?:send|post|submit|mail|deliver)|may not exist, or you may not have permission|permission to (?:post|send)|members? only|not a member|moderated|restricted (?:to|group|list|recipient|mailbox|address)|not accepting (?:mail|messages|e-?mail)|does not accept (?:mail|messages|e-?mail)|refuses? to accept|user (?:has )?(?:blocked|rejected|refused)|(?:blocked|rejected|refused) by (?:the )?(?:user|recipient|addressee)|recipient(?:'?s)? (?:settings|preferences)|受信拒否|受信を(?:拒否|制限)|ドメイン指定/iu,
    class: 'not-accepted-here',
    severity: 'none',
    blames: 'sender',
    why: 'a group or person takes mail from certain senders only, and we are none of them',
    samples: ['550 You are not allowed to post to this group'],
  },
  {
    id: 'inactive-words',
    text: /(?:account|mailbox|user|recipient|address|e-?mail|subscriber)[^\n]{0,40}(?:disabled|inactive|suspended|de-?activated|locked|discontinued|\bexpired|not active|no longer active|not activated|on hold|dormant|blocked temporarily|temporarily (?:disabled|unavailable|blocked|inactive|locked)|not been (?:activated|used))|(?:disabled|inactive|suspended|deactivated|locked|expired|dormant) (?:account|mailbox|user|recipient|address)|service (?:is )?(?:suspended|discontinued)|(?:konto|postfach|benutzer)[^\n]{0,40}(?:gesperrt|deaktiviert|inaktiv)|(?:compte|bo[iî]te)[^\n]{0,40}(?:désactiv|inactif|suspendu|bloqu)|(?:cuenta|buz[óo]n|usuario)[^\n]{0,40}(?:desactivad|suspendid|inactiv|bloquead|deshabilitad)|(?:casella|utente|account)[^\n]{0,40}(?:disattivat|sospes|disabilitat|inattiv)|(?:conta|caixa|usuário)[^\n]{0,40}(?:desativad|suspens|bloquead|inativ)|(?:ящик|учетн|пользовател|аккаунт)[^\n]{0,60}(?:заблокирован|отключен|неактив|приостанов)|(?:アカウント|メールボックス)[^\n]{0,20}(?:停止|無効|休止|利用できません)|(?:帐号|账号|帐户|账户|邮箱|郵箱|用户)[^\n]{0,16}(?:停用|禁用|冻结|锁定|过期|被封|暂停)|(?:계정|메일함|사용자)[^\n]{0,20}(?:휴면|정지|중지|차단|비활성)/iu,
    class: 'inactive',
    severity: 'soft',
    why: 'words of a mailbox that is switched off without the code for it; owners come back',
    samples: ['554 delivery error: This mailbox is disabled', '550 The account has been suspended'],
  },
  {
    id: 'inactive-elsewhere',
    text: INACTIVE_ELSEWHERE,
    class: 'inactive',
    severity: 'soft',
    why: 'the same in the languages of the north and east of Europe, Dutch and Turkish',
    samples: ['550 Skrzynka zablokowana', '550 Hesap askıya alındı'],
  },
  {
    id: 'moved-words',
    text: /@>? has moved|(?:user|recipient|mailbox|address|account|person|he|she|they)[^\n]{0,30}(?:has|have|was) (?:moved|changed|been moved)|(?:e-?mail )?address (?:has )?changed|no forwarding address|user not local|please (?:use|try) (?:the )?(?:new|following) (?:e-?mail )?address|new (?:e-?mail )?address is/i,
    code: /^(?:5\d\d)?$/,
    enhanced: /^(?:5\.[01]\.[06])?$/,
    class: 'not-accepted-here',
    severity: 'hard',
    suppress: false,
    why: 'words of a mailbox that has moved; the address is gone, which people, not this rule, may act on',
    samples: ['551 User not local; please try another', '550 The user has moved'],
  },
  {
    id: 'mailbox-unavailable',
    code: /^(?:550)?$/,
    enhanced: /^(?:5\.[05]\.0)?$/,
    stage: /^(?:rcpt|data|body|dot)?$/,
    text: /mailbox (?:is )?(?:currently )?unavailable(?! ?(?:temporar|for|due|because|at this time))|requested (?:mail )?action not taken: mailbox|unavailable mailbox/i,
    class: 'invalid-recipient',
    severity: 'hard',
    why: 'RFC 5321 550: Outlook.com, GMX and others answer so for a mailbox that does not exist',
    samples: ['550 5.5.0 Requested action not taken: mailbox unavailable', '550 mailbox unavailable'],
  },
  {
    id: 'mailbox-words',
    code: /^(?:[45][15]\d)?$/,
    enhanced: /^(?:[45]\.[01235]\.0)?$/,
    stage: /^(?:rcpt|data|body|dot)?$/,
    text: NO_SUCH_MAILBOX,
    class: 'invalid-recipient',
    severity: 'hard',
    why: 'no or a general enhanced code (5.0.0, 5.5.0), and words that can only mean that the mailbox does not exist',
    samples: ['550 No such user here', "554 delivery error: dd This user doesn't have an account", 'User unknown'],
  },
  {
    id: 'mailbox-words-abroad',
    code: /^(?:[45][15]\d)?$/,
    enhanced: /^(?:[45]\.[01235]\.0)?$/,
    stage: /^(?:rcpt|data|body|dot)?$/,
    text: NO_SUCH_MAILBOX_ABROAD,
    class: 'invalid-recipient',
    severity: 'hard',
    why: 'the same in German, French, Spanish, Italian, Portuguese, Dutch, Russian, Japanese, Chinese, Korean and others',
    samples: ['550 Benutzer unbekannt', '550 Utilisateur inconnu', '550 用户不存在', '550 宛先が見つかりません'],
  },
  {
    id: 'mailbox-words-elsewhere',
    code: /^(?:[45][15]\d)?$/,
    enhanced: /^(?:[45]\.[01235]\.0)?$/,
    stage: /^(?:rcpt|data|body|dot)?$/,
    text: NO_SUCH_MAILBOX_ELSEWHERE,
    class: 'invalid-recipient',
    severity: 'hard',
    why: 'the same in the languages of the north and east of Europe, Turkish, Hebrew, Arabic, Indonesian and Vietnamese',
    samples: ['550 Okänd mottagare', '550 Kullanici bulunamadi', '550 Kein solcher Benutzer'],
  },
  {
    id: 'mailbox-words-under-policy',
    enhanced: /^[45]\.[47]\.\d+$/,
    text: NO_SUCH_MAILBOX,
    class: 'invalid-recipient',
    severity: 'hard',
    suppress: false,
    why: 'the words say that there is no such mailbox, the code that it is policy or routing: too little to suppress',
    samples: ['550 5.7.1 Recipient address rejected: User unknown'],
  },
  {
    id: 'expired-words',
    enhanced: /^(?:[45]\.(?:0\.0|[34]\.\d+|5\.0))?$/,
    text: /retry time(?:out)? (?:not reached|exceeded)|retry timeout|(?:delivery|message|mail|queue|retry)(?: time)?(?: limit)? (?:has )?expired|expired(?:,| after|: )|(?:maximum|max|total)[^\n]{0,30}(?:queue|retr|time|attempts|lifetime)[^\n]{0,30}(?:exceed|reach|expired)|(?:could not be|not been|wasn't|was not|cannot be|unable to be) deliver(?:ed|y)? (?:for|within|after|in) |too old|giving up after|failed \d{1,4} attempts|gave up|given up (?:after|on)|queue(?:d)? (?:for )?too long|too long in (?:the )?queue|(?:attempts?|tries|retries) (?:have |has |were )?(?:been )?(?:exceeded|exhausted)|delivery time|not be delivered (?:after|within|in|for|before)|(?:unable|failed|could not|couldn't|\bnot|attempts?|tried)[^\n]{0,60} (?:after|for) (?:\d+|several|repeated|many|multiple) (?:hours|days|attempts|tries|retries|minutes)|(?:delivery|queue|retry) time limit|repeatedly|QUEUE\.Expired|stopped trying|no longer (?:be )?(?:retr|tr)(?:y|ied)/i,
    class: 'retries-exhausted',
    severity: 'soft',
    why: 'words of a server that gave up waiting; final for this mail, no proof about the address',
    samples: ['550 QUEUE.Expired; message expired', 'retry timeout exceeded'],
  },
  {
    id: 'network-words',
    enhanced: /^(?:[45]\.(?:0\.0|[34]\.\d+|5\.0))?$/,
    text: /connection (?:was )?(?:timed? ?-?out|refused|reset|closed|dropped|lost|failed|broken|to)|(?:timed? ?-?out|timeout)[^\n]{0,30}(?:while|waiting|during|connect|wait)|(?:connect|conversation|session|data transfer|read|socket|network|smtp|server|host)[^\n]{0,40}(?:timed? ?-?out|timeout)|no route to host|network (?:is )?(?:unreachable|error|down)|(?:cannot|could not|couldn't|can't|unable to|failed to|not able to|wasn't able to|didn't) (?:connect|establish|contact|reach|open (?:a )?connection|open smtp)|host (?:is )?(?:down|unreachable|not (?:responding|reachable))|no answer|(?:not|n't) (?:respond|answer)|lost connection|(?:name server|nameserver|dns|lookup|name service|name resolution)[^\n]{0,40}(?:fail|error|time|loop|temporar|unavailable)|(?:unable|failed) to (?:route|lookup|resolve)|bad connection|no connection|unexpected (?:disconnect|close)|remote (?:host|server) (?:closed|dropped|disconnect)|try again|接続できませ|连接(?:失败|超时)|無法連接|연결할 수 없/iu,
    class: 'routing',
    severity: 'none',
    why: 'words about a connection or a look-up that failed: the path to the site, not the mail',
    samples: [
      'connect to mx.site.example[192.0.2.25]:25: Connection timed out',
      "I couldn't reach the host: no route to host",
    ],
  },
  {
    id: 'too-large-words',
    text: /(?:message|size|mail|e-?mail|attachment)[^\n]{0,40}(?:too (?:large|big|long)|exceed(?:s|ed|ing)?[^\n]{0,40}(?:size|maximum|limit|allowed))|(?:max(?:imum)?|size)[^\n]{0,30}(?:message )?(?:size|limit)[^\n]{0,30}exceed|(?:size|length) limit|larger than|zu groß|trop (?:grand|volumineu)|demasiado grande|troppo grande|サイズ[^\n]{0,12}(?:超|大き|制限)|(?:邮件|信件)[^\n]{0,8}(?:过大|太大|大小)|크기[^\n]{0,12}초과/iu,
    class: 'too-large',
    severity: 'none',
    why: 'words of a mail that is too large without the code for it',
    samples: ['552 Message is too large', '552 The mail exceeds the size limit'],
  },
  {
    id: 'server-error-words',
    enhanced: /^(?:[45]\.(?:0|3|5)\.0)?$/,
    text: /(?:local|server|system|configuration|internal|software|i\/o|input\/output|mailer|processing|database|program|filter) (?:configuration )?(?:error|failure|problem|fault)|system (?:not accepting|resources|storage|i\/o|unavailable|malfunction)|no space left|disk full|can(?:not|'t| not) (?:create|open|write|append|chdir|lock|find home)|insufficient system|(?:pipe|command|child|program|process)[^\n]{0,40}(?:fail|exit|returned|status|output|died|killed)|permission problem|out of memory|resources? (?:temporarily )?unavailable|misconfigur/i,
    class: 'transient',
    severity: 'none',
    blames: 'network',
    why: 'words of a server that fails by itself: nothing is said about the address or the mail',
    samples: ['554 Local configuration error', '451 Internal server error'],
  },
];
