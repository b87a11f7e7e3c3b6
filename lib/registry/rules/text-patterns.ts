// What instructs a model instead of describing a tool. Applied to `plainText`: lower case, single spaces, look-alikes made plain. Drawn from
// published reports of tool poisoning, rug pulls, tool shadowing and preference manipulation; each pattern names one way of speaking.

const gap = '[^.!?]{0,60}?'
const verbs = 'call|use|invoke|run|execute|query|trigger|choose|select|prefer'
const actions =
  'send|post|forward|merge|delete|remove|run|execute|upload|transfer|pay|approve|copy|write|create|open|fetch|read|push|publish|share|call|invoke|book|cancel|close|grant|revoke|export|email|mail|submit|download|install|disable|enable'
const people = 'user|human|person|operator|customer|owner|administrator|admin|anyone|anybody|them|people|reviewer'
const model =
  '(?:you|the (?:model|assistant|agent|ai|llm|language model|caller)|assistants?|agents?|models?|llms?|claude|gpt)'
/** What a parameter's description rightly asks of its caller. */
const parameterVerbs =
  'provide|pass|specify|supply|set|have|be|give|know|own|also provide|only|first authenticate|not exceed|not be|contain|use iso|use the format|use utc|match|hold|wait|receive|see|get|expect|want|need|omit|leave|choose between|retry|page'

export const directives: readonly RegExp[] = [
  build(
    `\\b(?:ignore|disregard|forget|override|bypass|set aside|pay no attention to|stop following)\\b${gap}\\b(?:instructions?|rules?|prompts?|guidelines?|directives?|polic(?:y|ies)|restrictions?|limits?|constraints?|safety|warnings?|context|above|earlier|previous|prior)\\b`,
  ),
  build(
    `\\b(?:before|prior to|after|whenever|each time|every time|any time|when|instead of)\\s+(?:you (?:${verbs})|(?:using|calling|invoking|running|executing|querying))\\b${gap}\\b(?:tools?|functions?|this|it|one|server)\\b`,
  ),
  build(
    `\\b${model} (?:must|should|shall|need to|needs to|have to|has to|are required to|is required to|are to|is to|are expected to|ought to|will always|will first|are now|is now)\\b(?! (?:${parameterVerbs})\\b)`,
  ),
  build(
    `\\b(?:always|first|must|immediately|automatically|next|then) (?:${verbs})\\b${gap}\\b(?:tool|function|this|it|first|endpoint|command)\\b`,
  ),
  build(
    `\\b(?:${verbs}) (?:this|it|the \\w+) (?:tool|function)?\\s?(?:first|instead|always|exclusively|before|every time|for (?:all|every|any) )`,
  ),
  build(
    `\\b(?:instead of|rather than|in place of|over|replaces|supersedes|obsoletes) (?:any |all |the )?(?:other |existing |built-in |similar |alternative )+(?:tools?|functions?|servers?|options?)`,
  ),
  build(
    `\\b(?:takes? precedence|highest priority|top priority|has priority|only (?:trusted|approved|reliable|correct|official|safe) (?:tool|source|option|server|way))\\b`,
  ),
  build(`\\bthe (?:best|most (?:reliable|accurate|trusted|secure)|preferred|default) (?:tool|choice|option|server)\\b`),
  build(
    `\\b(?:note|instructions?|message|reminder|hint|guidance) (?:to|for) (?:the )?(?:ai|assistants?|models?|agents?|llms?|language models?|claude)\\b`,
  ),
  build(
    `\\b(?:new|updated|additional|hidden|secret|following|mandatory|real|actual) (?:system )?(?:instructions?|directives?|orders?|protocol)\\b(?! (?:id|number|type|date|status|amount|list|for payment))`,
  ),
  build(
    `\\b(?:you are now|act as|pretend (?:to be|that|you)|roleplay|from now on|developer mode|jailbreak|system prompt|as an ai)\\b`,
  ),
  build(
    `\\b(?:do not|don't|never|no need to) (?:use|call|invoke|trust|rely on)\\b${gap}\\b(?:other|any|another|original|built-in|tools?|functions?|server)\\b`,
  ),
  build(
    `\\b(?:make sure|be sure|remember|ensure) (?:to|that you|you)\\b${gap}\\b(?:call|send|read|include|append|attach|forward|copy|run|execute|open|fetch)\\b`,
  ),
  build(
    `\\b(?:should|must|has to|needs to|is to) (?:always |also |first )?(?:be )?(?:called|used|invoked|run|executed|consulted) (?:first|before|after|instead|prior|whenever|on every|for every|for all|with every)\\b`,
  ),
  build(
    `\\b(?:otherwise|or else|failure to do so|if you do not|if you don't)\\b${gap}\\b(?:fail|crash|corrupt|break|lost|deleted|terminated|shut ?down|penal)`,
  ),
  build(
    `\\b(?:when|once|after) (?:you are |it is |you have |you )?(?:done|finished|complete|finish|read|receive|get)\\b${gap}\\b(?:call|send|post|forward|run|execute|delete|upload|transfer|pay)\\b`,
  ),
  build(
    `\\b(?:change|replace|set|redirect|rewrite|modify) (?:the |any |every |all )?(?:recipient|beneficiary|iban|account number|amount|address|destination|payee)s?\\b${gap}\\b(?:to|with|by)\\b`,
  ),
  build(
    `\\b(?:once|after|when|whenever|as soon as) (?:you|it|the|this|a|an|each|every|that)\\b[^.!?]{0,50}, (?:please |also |then |kindly )?(?:${actions})\\b`,
  ),
  build(
    `\\b(?:whatever|whichever|regardless of|no matter (?:what|which|who))\\b${gap}\\b(?:named|asked|requested|given|specified|chosen|says?|said|wants?|entered|passed)\\b`,
  ),
  // The same in other languages.
  build(`\\b(?:ignoriere|vergiss|missachte)\\b${gap}\\b(?:anweisung|regel|vorherige|bisherige)`),
  build(`\\b(?:ignora|olvida|descarta)\\b${gap}\\b(?:instrucci|regla|anterior|istruzion|precedent)`),
  build(`\\b(?:ignore[zr]?|oubli(?:e|ez|er))\\b${gap}\\b(?:instructions?|consignes?|regles?|precedent)`),
  build(`\\bignor(?:e|ar|a)\\b${gap}\\b(?:instruc(?:oes|ao)|regras|anterior)`),
  /(?:忽略|无视|忘记).{0,12}(?:指令|指示|说明|规则)/gu,
  /(?:以前|これまで|上記).{0,8}(?:指示|命令).{0,6}(?:無視|忘れ)/gu,
  /(?:игнорируи|забудь).{0,30}(?:инструкц|правил|указан)/gu,
]

export const secrecies: readonly RegExp[] = [
  build(
    `\\b(?:do not|don't|never|without|avoid|refrain from|must not|should not|shouldn't|no need to|not necessary to|need not) (?:ever )?(?:tell(?:ing)?|inform(?:ing)?|mention(?:ing)?|reveal(?:ing)?|notify(?:ing)?|alert(?:ing)?|show(?:ing)?|disclos(?:e|ing)|explain(?:ing)?|display(?:ing)?|ask(?:ing)?|bother(?:ing)?|report(?:ing)?|warn(?:ing)?|confirm(?:ing)?|log(?:ging)?|share|sharing|prompt(?:ing)?)\\b${gap}\\b(?:${people}|this|it|step|about|confirm|permission|first|call)\\b`,
  ),
  build(
    `\\b(?:silently|secretly|quietly|covertly|discreetly|unnoticed|behind the scenes|under the hood|without (?:the )?(?:users?'?s?'? )?(?:knowledge|noticing|knowing|consent|confirmation|approval|permission|asking|review))\\b`,
  ),
  build(
    `\\b(?:skip|bypass|omit|suppress|avoid) (?:the |any |all )?(?:user |human )?(?:confirmation|approval|review|consent|permission|warning|verification)s?\\b`,
  ),
  build(
    `\\b(?:already|has|have|been|is|are) (?:been )?(?:pre-?approved|pre-?authori[sz]ed|approved by the (?:user|admin\\w*|security)|authori[sz]ed by the (?:user|admin\\w*))\\b`,
  ),
  build(
    `\\b(?:keep|hide|conceal|withhold)\\b${gap}\\b(?:from (?:the )?(?:${people})|secret|confidential|hidden|to yourself)\\b`,
  ),
  build(
    `\\b(?:the )?(?:${people}) (?:must not|should not|does not need to|doesn't need to|need not|will not|won't|cannot) (?:see|know|notice|be (?:told|informed|asked|bothered))\\b`,
  ),
  build(
    `\\b(?:in|from) (?:your|the) (?:final )?(?:answer|reply|response|summary)\\b${gap}\\b(?:do not|don't|never|omit|leave out)\\b`,
  ),
]

const privateThings =
  '(?:api[ _-]?keys?|access[ _-]?tokens?|auth(?:entication|orization)?[ _-]?tokens?|session[ _-]?(?:tokens?|cookies?|ids?)|bearer tokens?|refresh tokens?|passwords?|passphrases?|secrets?|credentials?|private keys?|ssh keys?|seed phrases?|cookies|environment variables?|env vars?|config(?:uration)? files?|system prompt|(?:chat|conversation|message) history|previous messages?|earlier messages?|(?:full|entire|whole|complete|raw) (?:conversation|context|chat|transcript|prompt|history)|conversation|tool (?:results?|outputs?|definitions?)|results? of (?:other|previous|earlier) (?:tools?|calls?)|list of (?:all )?(?:your |available )?tools|chain of thought|reasoning|scratchpad|memory|file contents?|contents? of (?:the |any |every |all )?(?:local |other )?(?:files?|\\S*\\.(?:env|pem|json|ya?ml|toml|ini|conf))|personal data|customer data)'
const passing =
  'send|sends|forward|upload|post|copy|bcc|cc|transmit|attach|include|append|pass|put|leak|exfiltrate|paste|enter|provide|read|load|open|cat|fetch|gather|collect|extract|dump|print|return|embed|encode|insert|add|share|supply|place|prepend|quote|repeat|summari[sz]e|store|save|fill|report'

export const secretRequests: readonly RegExp[] = [
  build(`\\b(?:${passing})\\b${gap}\\b${privateThings}\\b`),
  build(`\\b(?:must|should|needs to|has to) (?:contain|hold|be)\\b${gap}\\b${privateThings}\\b`),
  build(
    `\\b(?:your|the (?:user|caller|agent|model|assistant)'s?|user's|saved|stored|local|all|any available) ${privateThings}\\b`,
  ),
  /(?:~\/|\/home\/|\/root\b|\/etc\/(?:passwd|shadow|ssh)|c:\\users|%appdata%|%userprofile%)\S*/gu,
  /(?:^|[\s/'"(`])(?:\.ssh|\.env|\.aws|\.netrc|\.npmrc|\.gnupg|\.kube|\.git-credentials|id_rsa|id_ed25519|mcp\.json|claude_desktop_config\.json|\.cursor)\b/gu,
  /\$\{?[a-z_]*(?:key|token|secret|password)[a-z_]*\}?|\bprocess\.env\b|\bos\.environ\b/gu,
  build(
    `\\b(?:sidenote|side note|extra context|context for (?:the )?(?:tool|server)|why you are calling|what the user (?:said|asked|wrote)|the user's (?:original )?(?:request|question|message|prompt)|verbatim)\\b`,
  ),
]

function build(source: string): RegExp {
  return new RegExp(source, 'gu')
}

/** Words that carry sentences, by language: three of them, and the text is written in it. */
export const functionWords: ReadonlyMap<string, RegExp> = new Map(
  Object.entries({
    German:
      'der|die|das|und|nicht|ist|sind|vor|nach|alle|allen|bitte|dem|den|eine|einen|wird|werden|jede|jeden|mit|fur|auf|bevor|immer|zuerst|dann|an',
    Spanish:
      'el|la|los|las|del|que|antes|despues|para|por|una|un|con|al|cada|siempre|usuario|todas|todos|y|o|en|de|su|sus',
    French:
      "le|la|les|des|une|un|vous|avant|apres|pour|est|dans|chaque|toujours|et|ou|du|au|aux|de|d'une|utilisateur|tous|toutes|votre",
    Italian: 'il|lo|gli|della|delle|dei|che|prima|dopo|per|una|un|con|ogni|sempre|utente|tutti|tutte|e|di|non|sono',
    Portuguese:
      'o|os|as|da|do|das|dos|que|antes|depois|para|por|uma|um|com|cada|sempre|usuario|todos|todas|e|em|de|nao|ler',
    Dutch: 'de|het|een|en|niet|voor|na|alle|met|elke|altijd|gebruiker|wordt|naar|dan|eerst|van|dat|zijn',
  }).map(([language, words]) => [language, new RegExp(`(?<![\\p{L}'])(?:${words})(?![\\p{L}])`, 'gu')]),
)
