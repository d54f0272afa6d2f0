/** What servers write, in the languages in which they do. Data of the reader of notices; every list is of whole phrases. */

/** Local parts of what sends notices and nothing else. */
export const DAEMON_ADDRESS =
  /^(?:(?:internet-?)?mailer[-_.]?(?:daemon|agent)?|mail[-_.]?daemon|post[-_]?master|mdaemon|mmdf|daemon|uucp|mail-?deliver(?:y|ies)?(?:[-_.]\w+)?|mail-?master|mail-?adm(?:in)?|bounces?(?:[-+_.=][^@]*)?|delivery(?:[-_.]\w+)?|non-?delivery|undeliverable|returned-?mail|lotus_?notes|microsoftexchange[0-9a-f]+|mailbot|auto-?mailer|symantec[\w-]*|mailgate|scanmail|imail|mercury|groupwise|pmdf)@/i;
/** Local parts of what sends other mail, too: they count where the subject is that of a notice. */
export const ROLE_ADDRESS =
  /^(?:root|mail|mailserver|smtp|smtpd|smtp-?gateway|(?:system-?)?administrator|notes|domino|listserv|majordomo|[\w-]*no[-_.]?reply[\w-]*|do-?not-?reply|admin|support|info|maildrop|gateway|robot)@/i;
export const DAEMON_NAME =
  /mail(?:er)?[ -]?(?:daemon|delivery)|delivery (?:sub-?)?system|delivery (?:status|failure|report)|mail (?:transport|transfer|router|administrat|system|service|server)|postmaster|system administrator|internet mail|mail administrator|non-?delivery|courier mail|mdaemon|メール(?:配信|配送|送信)|系统|系統|postfix|exim|sendmail|qmail|systemadministrator|maildienst|undeliver/iu;

/** Subjects of notices that a mail did not arrive. */
export const BOUNCE_SUBJECT =
  /undeliver(?:ed|able|y)|non-?deliver|not be(?:en)? (?:able to be )?delivered|could(?: not|n't) (?:be )?(?:deliver|send|sent)|(?:un)?able to deliver|delivery (?:has |have )?(?:fail|error|problem|unsuccess|status|report|notif|incomplete|impossible|could not|to the following)|(?:fail(?:ed|ure)|error|problem|unsuccessful)[ :-].{0,40}(?:deliver|mail|send|message|transport|notice|notif)|(?:mail|message|e-?mail|transport|sending|notification|transmission)[ :-].{0,40}(?:fail|error|return|reject|bounce|not deliver|could not|status|undeliver|refused|blocked)|returned (?:mail|to sender|message|e-?mail)|return(?:ed)? to sender|bounce|nondeliverable|user unknown|unknown (?:user|address|recipient)|address not found|\bndr\b|\bndn\b|\bdsn\b|failure notice|not (?:a )?member|rejected|(?:mailbox|quota).{0,20}(?:full|exceeded)|delivery-status|delivery not|warning: (?:could not|message|mail)|unzustellbar|nicht zugestellt|zustell(?:ung|fehler|problem|bericht)|fehler.{0,40}(?:mail|nachricht|übermittlung)|nicht übermittelt|unzustellbarkeits|rückläufer|non (?:remis|distribu|délivr)|échec (?:de|d')|notification d'(?:échec|état)|retour(?:né)? (?:de|à)|message non|impossible de (?:remettre|livrer)|no (?:se )?(?:ha )?(?:podido|pudo|se pudo|entreg)|no entregad|error de entrega|notificación de (?:estado|entrega)|mancat[oa] (?:consegna|recapito|invio)|non recapitat|impossibile (?:consegnare|recapitare|recapito)|notifica.{0,20}(?:consegna|recapito|stato)|não (?:entreg|pôde|foi)|falha (?:na|de|no)|devol(?:vido|ução)|erro de entrega|onbestelbaar|niet (?:bezorgd|afgeleverd)|bezorging|kunde inte levereras|kunne ikke lever|ikke leveret|ei voitu toimittaa|toimitusvirhe|nelze doručit|nedoručen|nie (?:można )?dostarcz|niedostarcz|zwrot|kézbesít|nedostav|недостав|не (?:доставлен|может быть доставлено|удалось)|ошибка доставки|возврат|невозможн|配信(?:不能|エラー|できません|失敗|の状態|状況)|(?:送信|配送|送達|転送)(?:エラー|できません|失敗|不能)|エラーメール|メール(?:エラー|を送信できませ)|戻り|退信|退回|投递失败|发送失败|系统退信|無法(?:傳遞|投遞|送達|寄送)|未(?:送达|投递|能送达|寄達)|無法遞送|无法(?:送达|投递|发送)|傳送失敗|寄送失敗|반송|전송(?: ?실패|할 수 없)|배달(?: ?실패|되지 않)|발송 ?실패|수신 ?거부|실패|teslim edilemedi|iletilemedi|αποτυχία|μη παραδο|gick inte att leverera|går inte att leverera|livrare e[sș]uat|nelivrat|не доставлено|תקלה במסירה|تعذر|gagal terkirim/iu;

/** What servers write to the owner of a mailbox, who is no recipient of anything of ours. */
export const OWNER_SUBJECT =
  /\b(?:quota|mailbox|storage|disk)[^\n]{0,30}(?:warning|alert|almost|nearly|\d ?%)|\b(?:almost|nearly) full\b/i;

/** Words in a mail that only a notice of a failure has. */
export const BOUNCE_BODY =
  /(?:permanent|fatal)(?:ly)? (?:fatal )?(?:error|failure)|delivery (?:has |have )?(?:to (?:the )?following|failed|fail|of (?:the|your) (?:message|mail)|error|attempt|is impossible|not possible|was refused)|(?:could|can|did|was|were|has|have|is|are|been)(?: ?not|n't)(?: (?:yet|be|been|be able to be|able to))* (?:deliver|reach|sent|send|process|accept|complete|transmit|receiv)|(?:undeliver(?:ed|able)|undelivered|unable to (?:deliver|send|complete|relay|reach)|not delivered|failed to (?:deliver|reach|send)|mail delivery failed|returned to sender|returning (?:it|your)|returned (?:mail|message)|message (?:was |has been |is )?(?:rejected|refused|returned|bounced|undeliver)|your (?:message|mail|e-?mail).{0,60}(?:reject|return|refus|bounc|block)|(?:user|recipient|mailbox|address|account|host|domain).{0,30}(?:unknown|not found|does not exist|doesn't exist|unavailable|invalid|is full|disabled|not listed|no longer|is over|exceed)|(?:no such|unknown) (?:user|recipient|mailbox|address|host|account)|quota exceed|over quota|mailbox full|<<< 5\d\d|said: [45]\d\d|remote host said|server (?:said|responded|returned|replied)|error.{0,30}other server returned|following (?:recipient|address|destination)|did not receive|this message (?:was|is) (?:created|generated) automatically by|mail(?:er)?[- ]daemon|non-?delivery|rejected (?:by|your|the|for)|transcript of session|you are not a member)|nicht (?:zugestellt|ausgeliefert|übermittelt|erreicht)|konnte(?:n)? nicht|unzustellbar|unbekannt(?:er)? (?:empfänger|benutzer)|existiert nicht|n'a (?:pas )?pu|n'ont pas pu|non remis|n'existe pas|inconnu|no (?:se )?(?:ha )?(?:podido|pudo|existe)|non (?:è stato|esiste|può)|impossibile|não (?:foi|pôde|existe)|niet (?:worden|kunnen|bezorg)|не (?:может|удалось|существует|был|доставлен)|отклонен|送信(?:でき|エラー)|配信(?:でき|エラー|不能)|(?:届け|お届け|配達|配送|送達)(?:でき|る事|ることが)|存在しま|見つかりま|受信(?:できま|拒否)|宛先|あて先|无法|退信|失败|不存在|无此|拒收|拒絕|無法|不存在|없(?:는|습|음)|실패|반송|존재하지|kunde inte levereras|kunne ikke leveres|ei voitu toimittaa|epäonnistui|nebylo možné doručit|nelze doručit|nedoručiteln|nie (?:mo[żz]na|mog[łl]a|uda[łl]o)[^\n]{0,40}dostarcz|niedostarczon|nem (?:kézbesíthető|sikerült)|kézbesíthetetlen|nu a (?:putut|fost)[^\n]{0,30}livrat|teslim edilemedi|iletilemedi|ulaştırılamadı|δεν (?:μπόρεσε|ήταν δυνατ)|αποτυχία παράδοσης|не вдалося|не може бути доставлен|לא (?:ניתן|נמסר|הצלחנו)|تعذر (?:تسليم|إرسال)|gagal terkirim|tidak dapat (?:dikirim|disampaikan)|không thể gửi/iu;

/** Subjects that say why; others repeat that of the returned mail, which may say anything. */
export const REASON_SUBJECT =
  /^(?:returned mail|delivery failure|failure notice|mail delivery failure|delivery error|mail failure|warning|undeliverable mail)\s*[:-]\s*(?=\S)/i;

/** A mail that is late and still on its way. */
export const DELAY_SUBJECT =
  /\bdelay|warning:? (?:could not send|message|e?-?mail)|(?:mail|message|delivery) (?:delivery )?(?:warning|pending|queued|deferred|temporar)|still (?:in queue|trying|being)|not yet|temporar(?:y|ily)|verzöger|retard|demor|retras|ritard|en retard|atraso|vertraag|opóźni|försen|forsink|задерж|отложен|遅延|延迟|延遲|지연/iu;
export const DELAY_BODY =
  /warning message only|(?:do not|don't|no) need to (?:resend|send (?:it|your message|the message) again)|(?:will|shall) (?:be |continue |keep |still |automatically |now )*(?:retr(?:y|ied)|try(?:ing)?|tried|attempt(?:ed)?)\b(?! no)|not yet (?:been )?(?:deliver|able)|still (?:being retried|in the queue|trying|queued|undelivered)|has (?:not yet|been delayed)|(?:has|have|was|were|been|is)(?: being)? delayed|delivery will continue|delivery attempts will continue|no action is required on your part|(?:temporary|transient) (?:problem|failure|error).{0,80}(?:retr|try)|message will be retried|we(?:'ll| will) (?:try|keep|retry)|gmail will retry|wird (?:weiter|erneut|nochmals?) (?:versucht|zuzustellen)|weitere zustellversuche|zustellversuche werden|nouvelle tentative|a été (?:retardé|différé)|continuera (?:à|d')|continuerà a|seguirá intent|continuará (?:a |intent)|fortsätter att försöka|weiterhin versucht|seguir[aá] intentando|再送(?:を|いた|し)|将继续(?:尝试|投递)|계속 (?:시도|재시도)/iu;
/** What nobody writes who has given up. */
export const STILL_TRIED =
  /this is a warning (?:message )?only|(?:will be|still being) (?:retried|tried|attempted) (?:until|for)|(?:until|unless) (?:it|the message|your message) is \d[\d.]* days? old/i;
/** Words with which a server says that it will try no more: they outweigh a "try again". */
export const GIVEN_UP =
  /(?<!(?:will|to|before) )giv(?:e|en|ing) up|permanent (?:error|fail|fatal)|fail(?:ed|ure)? permanent|permanently (?:fail|reject|undeliver|refus)|has been (?:removed|deleted|returned|expired)|returned to sender|mail delivery failed|could not be delivered (?:for|within|after|in) |expired|maximum (?:time|retr)|time-?out exceeded|too (?:long|old)|will (?:not|no longer) be (?:retried|tried)|no further attempts|undeliverable/i;

/** A mail that arrived. */
export const DELIVERED_SUBJECT =
  /^(?:delivered|relayed|expanded|zugestellt|zugestellt:|remis|entregado|consegnato|delivery (?:confirmation|receipt|success)|(?:successful|delivery status notification \(success|delivery status notification \(relay|delivery notification: delivery successful|return receipt))|success(?:ful)?(?:ly)? (?:mail )?deliver|delivery (?:has been|was|is) successful|delivery status notification ?\((?:success|relay|expand)/iu;
export const DELIVERED_BODY =
  /(?:was|were|has been|have been|is) (?:successfully )?(?:delivered|relayed|expanded)\b(?! (?:by|to you because))|successfully (?:delivered|relayed)|delivery was successful|erfolgreich zugestellt/i;

/** Lines that filters and virus scanners write below every mail: they judge nothing of it. */
export const FOOTER =
  /^(?!.*(?:\b[45]\d\d\b|(?<!\bno )\bvirus(?:es)? (?:was |were )?(?:found|detected)|infected|contain|blocked|reject|refus)).*\b(?:scanned (?:by|for|with|and)|checked (?:by|for) .{0,40}(?:virus|spam|malware)|believed to be clean|virus[- ]free|no virus(?:es)? (?:was |were )?found|(?:message|e-?mail|mail) (?:has been|was|is) (?:scanned|swept)|gescannt|geprüft (?:von|mit|durch)|garantie sans virus)/i;

/** Before the address or list of addresses that failed. */
export const RECIPIENTS_FOLLOW =
  /(?:following|these|this|intended) (?:(?:e-?mail |mail |destination |delivery )?(?:recipient|address|destination|user|person|mailbox|email|account)(?:es|s|\(s\)|\(es\))?)|fatal errors|recipient(?:s|\(s\))?[ \t]*(?::|\.{2,}|was|were|is)|(?:not|n't) (?:be )?deliver(?:ed)?(?: (?:your|this|the) (?:message|mail|e-?mail))?[ \t]*(?:to|:)|undeliver(?:ed|able)[ \t]*(?:to|:|address)|unable to (?:deliver|send|reach).{0,60}\bto|failed (?:address|recipient|to deliver)|fail(?:ed|ure).{0,40}(?:to|for)[ \t]*:?[ \t]*$|(?:not|n't) (?:reach|received? by|sent to|be sent)|addressed to|could not be (?:delivered|sent)|empfänger|adresse|destinataire|destinatario|получател|адрес|宛先|あて先|宛て|收件人|地址|수신(?:자|인)|受信者|受取人/iu;

/** The sentence after which the failed addresses stand, where addresses before it are those of the mail itself. */
export const SECTION =
  /(?:did not reach|(?:was|were|could) not (?:be )?delivered to|has failed (?:to|for)|fail(?:ed|ures?) (?:to|for|address|recipient)|could ?n[o']t be delivered|undeliverable to|permanent(?: fatal)? error|following (?:e-?mail )?(?:recipient|address|destination|user))[^\n]{0,100}(?::|[.)-])[ \t]*\n/i;

/** Addresses on these lines are nobody's whom we wrote to. */
export const OTHER_LINE =
  /^[> \t]*(?:from|reply-to|sender|return-path|errors-to|message-id|in-reply-to|references|mail from|envelope-from|von|de|sent by|reporting-mta|contact|posted by|postmaster|arrival-date|x-[\w-]+|>>> mail from|x-originating|list-[\w-]+|cc-?postmaster)[ \t]*[:<]/i;
export const OTHER_BEFORE =
  /(?:please |you (?:can|may|should) )?(?:contact|notify|forward(?: this)?(?: message| report| mail)? to|write to|report (?:this|it)? ?to|send (?:mail|a mail|e-?mail|an? \w+|this) .{0,30}to|assistance|help from|ask|questions?.{0,20}to|mail from|sent by|message from|mail was from|received from|(?:^|\s)from|sender|wenden sie sich an|envelope-?from|message-?id|id)[ \t:=<"'(]{0,6}$/i;
