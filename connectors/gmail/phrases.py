"""What mail programs write around the mail that they answer, in the languages that they speak.

All lower-case. A row is a phrase as programs write it, not a language's grammar: adding one is
adding a line.
"""

from __future__ import annotations

import re

# Before or after these stands who wrote: "On …, Support wrote:", "Am … schrieb Support:".
WROTE = (
    r"wrote|writes|has written|sent a message|(?<=[>)] )sent|"
    r"schrieb|hat geschrieben|geschrieben|"
    r"a [ée]crit|[ée]crit|écrivait|"
    r"escribi[óo]|ha escrito|va escriure|"
    r"ha scritto|scrisse|scritto|"
    r"escreveu|"
    r"schreef|heeft geschreven|heeft het volgende geschreven|geschreven|"
    r"skrev|har skrevet|har skrivit|"
    r"kirjoitti|"
    r"napisał\(?a?\)?|napisała|pisze|"
    r"napsala?\(?a?\)?|napísala?\(?a?\)?|odesílatel|píše|"
    r"ezt írta|írta|"
    r"a scris|"
    r"napisao(?:/la)?|napisala|je napisal\(?a?\)?|"
    r"написал\(?а?\)?|написала|пишет|писал\(?а?\)?|написав\(?ла\)?|пише|написа|"
    r"έγραψε|"
    r"yazd[ıi]|"
    r"đã viết|"
    r"menulis|"
    r"rašė|rakstīja|kirjutas|"
    r"כתב/?ה?|כתבה|מאת|"
    r"كتب|كتبت|"
    r"เขียนว่า|"
    r"写道|寫道|"
    r"님이 작성|작성|"
    r"書きました|のメール|wrote"
)

# An attribution begins with one of these, or with a date.
ON = [
    "on",
    "at",
    "på",
    "pe",
    "am",
    "um",
    "vom",
    "le",
    "el",
    "il",
    "op",
    "em",
    "den",
    "dne",
    "dňa",
    "na",
    "ke",
    "ma",
    "ti",
    "to",
    "pe",
    "la",
    "su",
    "în",
    "in",
    "vào",
    "في",
    "στις",
    "pada",
    "w",
    "dnia",
    "le",
    "jour",
    "il",
    "giorno",
    "于",
    "在",
    "ב",
    "בתאריך",
    "ב-",
    "kl",
    "the",
    "date",
]

ORIGINAL = (
    "original message",
    "original e-mail",
    "original email",
    "original appointment",
    "reply message",
    "ursprüngliche nachricht",
    "ursprungliche nachricht",
    "ursprüngliche e-mail",
    "antwort nachricht",
    "originalnachricht",
    "original-nachricht",
    "message d'origine",
    "message d’origine",
    "message original",
    "message initial",
    "mensaje original",
    "missatge original",
    "messaggio originale",
    "messaggio di origine",
    "oorspronkelijk bericht",
    "origineel bericht",
    "oprindelig meddelelse",
    "original meddelelse",
    "opprinnelig melding",
    "ursprungligt meddelande",
    "originalmeddelande",
    "ursprungsmeddelande",
    "alkuperäinen viesti",
    "mensagem original",
    "wiadomość oryginalna",
    "oryginalna wiadomość",
    "wiadomość pierwotna",
    "původní zpráva",
    "pôvodná správa",
    "eredeti üzenet",
    "mesaj original",
    "mesajul original",
    "izvorna poruka",
    "originalna poruka",
    "izvirno sporočilo",
    "исходное сообщение",
    "оригинальное сообщение",
    "исходное письмо",
    "пересылаемое сообщение от",
    "вихідне повідомлення",
    "αρχικό μήνυμα",
    "orijinal mesaj",
    "özgün ileti",
    "asıl ileti",
    "thư gốc",
    "pesan asli",
    "הודעה מקורית",
    "الرسالة الأصلية",
    "رسالة أصلية",
    "原始邮件",
    "原始郵件",
    "邮件原件",
    "原邮件",
    "原始信息",
    "元のメッセージ",
    "元のメール",
    "원본 메시지",
    "원본 메일",
)

FORWARDED = (
    "forwarded message",
    "forwarded by",
    "forwarded email",
    "begin forwarded message",
    "weitergeleitete nachricht",
    "anfang der weitergeleiteten nachricht",
    "anfang der weitergeleiteten e-mail",
    "message transféré",
    "message réexpédié",
    "début du message réexpédié",
    "début du message transféré",
    "mensaje reenviado",
    "inicio del mensaje reenviado",
    "missatge reenviat",
    "messaggio inoltrato",
    "inizio messaggio inoltrato",
    "doorgestuurd bericht",
    "begin doorgestuurd bericht",
    "videresendt meddelelse",
    "videresendt besked",
    "videresendt melding",
    "vidarebefordrat meddelande",
    "vidarebefordrat mejl",
    "välitetty viesti",
    "mensagem encaminhada",
    "mensagem reencaminhada",
    "início da mensagem encaminhada",
    "przekazana wiadomość",
    "wiadomość przekazana",
    "přeposlaná zpráva",
    "preposlaná správa",
    "továbbított üzenet",
    "mesaj redirecționat",
    "proslijeđena poruka",
    "пересылаемое сообщение",
    "пересланное сообщение",
    "переадресоване повідомлення",
    "προωθημένο μήνυμα",
    "iletilen mesaj",
    "iletilmiş mesaj",
    "thư được chuyển tiếp",
    "pesan terusan",
    "הודעה שהועברה",
    "رسالة معاد توجيهها",
    "转发的邮件",
    "转发邮件",
    "轉寄的郵件",
    "転送されたメッセージ",
    "転送メッセージ",
    "전달된 메일",
    "전달된 메시지",
)

# The lines above the mail that is answered, as Outlook writes them.
LABELS: dict[str, str] = {
    name: sort
    for sort, names in {
        "from": "from von de da van fra från lähettäjä od feladó "
        "de la expéditeur absender от від από "
        "kimden gönderen từ dari mula sa מאת من "
        "จาก 发件人 寄件者 寄件人 差出人 送信者 送信元 보낸사람 보낸 "
        "afzender mittente remitente",
        "sent": "sent date gesendet datum envoyé envoyée enviado enviada inviato verzonden sendt "
        "skickat lähetetty päivämäärä wysłano data odesláno odoslané dátum elküldve trimis fecha "
        "poslano отправлено дата надіслано ημερομηνία gönderildi tarih tanggal dikirim ngày "
        "נשלח תאריך تاريخ ส่ง วันที่ 发送时间 发送日期 "
        "日期 日付 送信日時 寄件日期 傳送時間 보낸날짜 날짜 dato "
        "gesendet-am poslané время",
        "to": "to an à a para per aan til till vastaanottaja do komu címzett către кому до προς "
        "kime alıcı đến kepada אל إلى ถึง 收件人 收件者 宛先 "
        "받는사람 destinataire destinatario empfänger",
        "cc": "cc kopie kopia copie cópia ccn копия копія 抄送 副本 참조 kopio bcc bilgi",
        "subject": "subject betreff objet oggetto asunto assunto onderwerp emne ämne aihe temat "
        "předmět predmet predmět tárgy subiect тема θέμα konu chủ-đề subjek perihal נושא موضوع "
        "เรื่อง 主题 主旨 主題 件名 题目 제목 assumpte",
        "other": "importance priority attachments reply-to organization "
        "wichtigkeit anlagen priorité "
        "importancia prioridade newsgroups message-id anhang",
    }.items()
    for name in names.split()
}
LABELS |= {
    "reply to": "other",
    "in-reply-to": "other",
    "sent by": "from",
    "date sent": "sent",
    "sent on": "sent",
    "gesendet am": "sent",
    "enviado el": "sent",
    "enviado em": "sent",
    "enviada em": "sent",
    "data de envio": "sent",
    "envoyé le": "sent",
    "envoyé par": "from",
    "chủ đề": "subject",
    "تاريخ الإرسال": "sent",
    "تم الإرسال": "sent",
    "الموضوع": "subject",
    "보낸 사람": "from",
    "보낸 날짜": "sent",
    "받는 사람": "to",
    "寄件日期": "sent",
    "de la part de": "from",
}

_DEVICES = (
    r"iphone|ipad|ipod|ios|android|galaxy|samsung|huawei|"
    r"xiaomi|redmi|pixel|nexus|blackberry|bb|nokia|"
    r"lumia|windows(?: phone| mobile| mail| 1\d)?|motorola|"
    r"moto|oneplus|oppo|vivo|sony|xperia|htc|lg|"
    r"verizon|t-mobile|at&t|sprint|mobile|mobil\w*|móvil|mobilen|phone|cell|cellphone|smartphone|"
    r"handy|tablet|tablette|telephone|téléphone|telefon\w*|teléfono|telefono|telefoon|celular|"
    r"cellulare|smart\S*|mail|yahoo|outlook|gmail|proton\w*|aol|mailbox|email|e-mail|airmail|spark|"
    r"mac|apple watch|macbook\w*|surface|wireless|device|gerät|компьютера?|телефона?|устройства?|"
    r"мобильн\w*|inbox|hotmail|mailspring|superhuman|front|zoho|myMail|mail\.ru|web\.de|gmx\S*"
)
_SENT_FROM = (
    r"sent from|sent via|sent using|sent with|get (?=outlook|yahoo|bluemail|\w+ for )|"
    r"von mein\w{0,2}|gesendet (?:von|mit|über)|diese nachricht wurde von|"
    r"envoy[ée]e? (?:de|depuis|à partir|par|avec)|provenance|télécharger|obtenez|"
    r"enviado (?:desde|do|de|a partir|pelo|via|con)|obtener|obter|"
    r"inviato (?:da|dal|con)|scarica|ottieni|"
    r"verstuurd (?:vanaf|met|via)|verzonden (?:vanaf|met|via)|"
    r"sendt fra|skickat från|skickades från|lähetetty|hent|hämta|"
    r"wysłane z|wysłano z|odesláno z|odoslané z|elküldve|trimis de pe|poslano (?:s|iz|z)|"
    r"отправлено (?:с|из)|надіслано з|στάλθηκε από|"
    r"gönderildi|iphone'umdan gönderildi|được gửi từ|dikirim dari|"
    r"נשלח מ|أرسلت من|أُرسلت من|发自我?的?|從我的|从我的|来自我?的?|發自我的?|"
    r"나의|내"
)
# Two shapes: "Sent from my iPhone" and "iPhoneから送信", "Von meinem iPhone gesendet".
SENT_FROM = re.compile(
    rf"(?:{_SENT_FROM}).{{0,60}}?(?<![^\W_])(?:{_DEVICES})(?![^\W_]).{{0,60}}"
    r"|(?:my )?(?:iphone|ipad|android).{0,20}(?:から送信|"
    r"에서 보냄|imdan gönderildi|umdan gönderildi)"
    r"|(?:发自|發自|從我的|从我的).{1,40}",
    re.I,
)
ABOVE_THE_LINE = re.compile(
    r"(?:please )?(?:type|write|enter)?.{0,20}(?:reply|respond|answer|antwort\w*|réponse|respuesta)"
    r".{0,30}(?:above|oberhalb|au-dessus|encima).{0,20}(?:line|linie|ligne|línea)",
    re.I,
)
