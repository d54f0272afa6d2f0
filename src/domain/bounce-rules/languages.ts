/**
 * Words of mailboxes in languages other than English, and spellings without accents. They are matched against replies
 * where no code says more; each is a noun for the recipient together with what is said of it, because either alone may be
 * about anything.
 */

/** There is no such mailbox. */
export const NO_SUCH_MAILBOX_ELSEWHERE =
  /(?:kein(?:en?)? (?:solch(?:e[rns]?)?|g(?:ü|ue)ltige[rsn]?) (?:benutzer|empf(?:ä|ae)nger|postfach|adresse|konto|nutzer)|empfaenger[^\n]{0,60}(?:unbekannt|existiert nicht|ungueltig|nicht gefunden|nicht bekannt))|(?:usuario|caixa|endereco|conta|destinatario)[^\n]{0,40}(?:nao (?:existe|encontrad|foi encontrad)|desconhecid)|(?:okänd|ukjent|ukendt) (?:mottagare|mottaker|modtager|användare|bruker|bruger|adress)|(?:mottagare|mottaker|modtager|användare|bruker|bruger|adresse|postkasse|postboks|brevlåda)\p{L}{0,12}[^\n]{0,40}(?:finns (?:inte|ej)|finnes ikke|findes ikke|existerar (?:inte|ej)|eksisterer ikke|hittades (?:inte|ej)|ikke (?:funnet|fundet)|ukjent|ukendt)|tuntematon (?:vastaanottaja|käyttäjä|osoite)|(?:vastaanottaja|käyttäjä|osoite|postilaatikko)\p{L}{0,12}[^\n]{0,40}(?:ei ole olemassa|ei löy|tuntematon)|(?:neznám|neexistuj)\p{L}{1,3} (?:uživatel|užívateľ|adresát|příjemce|príjemca|adresa|schránka)|(?:uživatel|užívateľ|adresát|adresa|příjemce|príjemca|schránka)\p{L}{0,12}[^\n]{0,40}(?:neexistuj|nenalezen|neplatn)|nieznan[yae] (?:użytkownik|uzytkownik|adres|odbiorc)|(?:uzytkownik|odbiorc)\p{L}{0,12}[^\n]{0,40}(?:nie istnieje|nieznany)|nie (?:ma|istnieje) tak|ismeretlen (?:címzett|felhasználó|cím)|(?:címzett|felhasználó|postafiók|cím)[^\n]{0,40}(?:nem létezik|nem található|ismeretlen)|nincs ilyen (?:felhasználó|cím|postafiók)|(?:destinatar|utilizator|adres[aă]|contul|c[aă]su[tțţ])\p{L}{0,12}[^\n]{0,40}(?:necunoscut|inexistent|nu exist)|(?:kullan[ıi]c[ıi]|al[ıi]c[ıi]|adres|hesap|posta kutusu)\p{L}{0,12}[^\n]{0,40}(?:bulunamad|bilinmiyor|mevcut de[ğg]il|ge[çc]ersiz)|(?:άγνωστος|ανύπαρκτος) (?:χρήστης|παραλήπτης)|(?:χρήστης|παραλήπτης|διεύθυνση)[^\n]{0,40}δεν (?:υπάρχει|βρέθηκε)|(?:користувач|скриньк|адрес|одержувач)\p{L}{0,12}[^\n]{0,40}(?:не існує|не знайден|невідом)|(?:потребител|получател|адрес)\p{L}{0,12}[^\n]{0,40}(?:не съществува|непознат|не е намерен)|(?:משתמש|נמען|כתובת|תיבת)[^\n]{0,30}(?:לא (?:קיים|קיימת|נמצא|ידוע)|אינ(?:ו|ה) קיימ?ת?)|(?:المستخدم|المستلم|العنوان|الحساب)[^\n]{0,30}غير (?:موجود|معروف|صالح)|(?:pengguna|alamat|penerima)[^\n]{0,30}tidak (?:ditemukan|dikenal|ada\b)|(?:người dùng|người nhận|địa chỉ)[^\n]{0,30}không (?:tồn tại|tìm thấy)/iu;

/** It is full. */
export const MAILBOX_FULL_ELSEWHERE =
  /no quota left|(?:postfach|mailbox)[^\n]{0,40}(?:ueberf(?:ue|ü)llt|ueberschritten)|(?:brevlåda|postlåda|inkorg|postkasse|postboks|innboks|indbakke)\p{L}{0,12}[^\n]{0,30}(?:\bfull|\bfyll|\bfuld|överskrid|overskred)|postilaatikko[^\n]{0,30}(?:täynnä|täysi|ylitt)|schránk\p{L}{0,12}[^\n]{0,30}(?:\bpln[áýéa]|přeplněn|preplnen|překroč|prekroč)|skrzynk\p{L}{0,12}[^\n]{0,40}(?:pełn|przepe[łl]ni|zape[łl]ni|przekrocz)|postafiók[^\n]{0,30}(?:megtelt|tele\b)|c[aă]su[tțţ]\p{L}{0,12}[^\n]{0,40}\bplin|(?:posta|gelen) kutusu\p{L}{0,12}[^\n]{0,30}(?:dolu|dolmu)|kota(?:s[ıi])?[^\n]{0,20}(?:a[şs][ıi]l|dol)|(?:γραμματοκιβώτιο|θυρίδα)[^\n]{0,40}(?:πλήρ|γεμάτ)|скриньк\p{L}{0,12}[^\n]{0,40}переповнен|תיבת[^\n]{0,40}מלאה|kotak (?:surat|masuk)[^\n]{0,30}penuh|hộp thư[^\n]{0,30}đầy/iu;

/** It is switched off. */
export const INACTIVE_ELSEWHERE =
  /(?:skrzynka|konto)[^\n]{0,40}(?:zablokowan|nieaktywn|zawieszon|wyłączon)|(?:schránka|účet)[^\n]{0,40}(?:zablokován|zablokovan|deaktivov|neaktivn|zrušen)|(?:konto|brevlåda|postkasse)\p{L}{0,12}[^\n]{0,40}(?:inaktiv|spärra|avstäng|sperret|spærret|deaktivert|deaktiveret)|hesap[^\n]{0,30}(?:ask[ıi]ya|devre d[ıi][şs][ıi]|kapat[ıi]l)|(?:postafiók|fiók)[^\n]{0,30}(?:letiltva|inaktív|megszűnt)|(?:postbus|mailbox|account)[^\n]{0,30}(?:geblokkeerd|uitgeschakeld)/iu;

/** The domain does not exist. */
export const NO_SUCH_DOMAIN_ELSEWHERE =
  /dom(?:äne?|ain)[^\n]{0,80}(?:existiert nicht|nicht gefunden|unbekannt|nicht existent)|(?:domaine|dominio|domínio)[^\n]{0,60}(?:introuvable|n'existe (?:pas|plus)|inconnu|no existe|no (?:se )?(?:ha )?encontr|non (?:esiste|trovato)|inesistente|não (?:existe|encontrado|foi encontrado))|domein[^\n]{0,60}(?:bestaat niet|onbekend|niet gevonden)|domän\p{L}{0,6}[^\n]{0,60}(?:finns inte|hittades inte|okänd)|dom[eé]n[aęyu][^\n]{0,60}(?:nie istnieje|neexistuje|nenalezena)|alan ad[ıi][^\n]{0,60}(?:bulunamad|mevcut de)/iu;

/** The server does not answer. */
export const NETWORK_ELSEWHERE =
  /(?:server|rechner|host)[^\n]{0,60}(?:nicht erreichbar|antwortet nicht|non risponde|non raggiungibile|niet bereikbaar|svarar inte|svarer ikke|nie odpowiada|neodpovídá)|zeit(?:ü|ue)berschreitung|verbindung[^\n]{0,40}(?:fehlgeschlagen|nicht möglich|abgebrochen|unterbrochen)|(?:serveur|hôte)[^\n]{0,60}(?:injoignable|ne répond pas|inaccessible)|délai[^\n]{0,30}(?:dépassé|expiré)|connexion[^\n]{0,30}(?:refusée|impossible|échou)|servidor[^\n]{0,60}(?:no responde|não responde|inacces|inacess)|tiempo de espera|tempo (?:limite|esgotado|scaduto)|(?:conexión|conexão|connessione)[^\n]{0,30}(?:rechazada|recusada|rifiutata|agotad|esgotad|scaduta|fallid|falhou|fallita)|время ожидания|сервер[^\n]{0,60}(?:не отвечает|недоступен)|соединени[^\n]{0,40}(?:не удалось|разорвано|сброшено)|タイムアウト|応答(?:が(?:ない|あり)|しま)|接続(?:でき|に失敗)|连接超时|連線逾時|无响应|시간 초과|응답이 없/iu;

/** A server gave up after days. */
export const EXPIRED_ELSEWHERE =
  /(?:seit|nach|innerhalb von|binnen) \d{1,3} (?:tagen|stunden)|(?:pendant|après) \d{1,3} (?:jours|heures)|(?:durante|después de|tras|dopo|per|após|por|durante) \d{1,3} (?:d[ií]as|horas|giorni|ore)\b|в течение \d{1,3} (?:дней|суток|часов)|\d{1,3} ?(?:日間|時間)[^\n]{0,20}(?:配信|送信|お届け)/iu;

/** The sender is refused; words such as "unknown" are then not about the recipient. */
export const BAD_SENDER_ELSEWHERE =
  /(?:absender\p{L}{0,12}|expéditeur|remitente|remetente|mittente|afzender|avsändaren?|отправител\p{L}{1,3}|отправителя|发件人(?:地址|域名)?|寄件者|送信元(?:アドレス|ドメイン)?|差出人|발신자)(?: ?(?:<?@>?|ist|wurde|est|es|è|é|is|не|が|は)){0,3} ?(?:existiert nicht|unbekannt|ung(?:ü|ue)ltig|nicht (?:gefunden|akzeptiert|zugelassen|erlaubt|gültig)|abgelehnt|gesperrt|inconnu|inexist|inválid|invalid|n'existe|non (?:esiste|valido|autorizzato)|no (?:existe|es válid|autorizad)|não (?:existe|autorizad)|rejet|refus|rechazad|rejeitad|rifiutat|onbekend|bestaat niet|okänd|finns inte|существ|неизвест|отклон|разреш|不存在|被拒|无效|無效|存在しま|拒否|차단|거부)/iu;
