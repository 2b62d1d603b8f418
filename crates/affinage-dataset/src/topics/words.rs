//! The words that tell a topic, and those that tell none.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use whatlang::Lang;

/// Words with their counts, in order and packed: of a hundred thousand conversations they are most of what is kept.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Words {
    /// With a space between them.
    pub(super) text: String,
    counts: Box<[f32]>,
    /// The numbers of those that stand as nouns somewhere in it ([`nouns`]).
    nouns: Box<[u32]>,
}

impl Words {
    pub(super) fn of(counted: HashMap<String, f32>, nouns: &HashSet<String>) -> Words {
        let mut counted: Vec<(String, f32)> = counted.into_iter().collect();
        counted.sort_by(|a, b| a.0.cmp(&b.0));
        let (words, counts): (Vec<String>, Vec<f32>) = counted.into_iter().unzip();
        let nouns = (0..).zip(&words).filter(|(_, word)| nouns.contains(*word)).map(|(at, _)| at).collect();
        Words { text: words.join(" "), counts: counts.into(), nouns }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, f32)> {
        self.text.split(' ').zip(self.counts.iter().copied())
    }

    /// The words, each with whether it stands as a noun.
    pub(super) fn with_nouns(&self) -> impl Iterator<Item = (&str, bool)> {
        (0..).zip(self.iter()).map(|(at, (word, _))| (word, self.nouns.binary_search(&at).is_ok()))
    }
}

/// Words of four letters and more that are not in every text, in lower case.
pub(super) fn topic_words(text: &str) -> impl Iterator<Item = String> + '_ {
    const MIN_CHARS: usize = 4;
    text.split(|c: char| !c.is_alphabetic() && c != '’' && c != '\'')
        .filter(|word| word.chars().count() >= MIN_CHARS && !word.contains(['\'', '’']))
        .map(str::to_lowercase)
        .filter(|word| !STOP_WORDS.contains(word.as_str()))
}

static STOP_WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let words = "about above actually after again against almost along already also although always among another anything around away back became \
        because become began behind beside been before being below better \
        between both cannot come could does doing done down during each either else enough even ever every example \
        explain find first from further gave give goes going gone good great half hardly have having here hers himself however http https into \
        itself just keep know last less like little long look made make many maybe mean might more most much must myself \
        nearly need never next nothing often once only other ours ourselves others over part perhaps people please possible quite rather really right said same seem seemed seems several shall \
        should show sometimes soon since some someone something still such sure take tell than thank thanks that their them then \
        there these they thing things think this those though through time today together tomorrow toward towards under until upon used went using very want \
        well were what whatever when where whether which while whole whom whose will with within without word words would write \
        year years yesterday your yours yourself \
        aber alle allem allen aller alles also andere anderen auch aufgabe beim bitte danke dann dass dein deine \
        denn diese diesem diesen dieser dieses doch dort durch eine einem einen einer eines einfach etwas euch euer \
        ganz geht gibt haben hatte hier immer jede jedem jeden jeder jedes jetzt kann kannst kein keine keinen können \
        könnte machen mehr mein meine meinem meinen meiner mich muss nach nicht nichts noch oder ohne schon sehr sein \
        seine seinem seinen seiner sich sind soll sollte über unter viel vielleicht warum wann weil welche welcher \
        gegen gestern heute ihnen ihre ihrem ihren ihrer kommt lange lässt seit sogar unser unsere unseren während waren wäre wurden hätte \
        wenn werden wie wieder will wird wurde würde zwischen \
        avec aussi cette comme dans depuis donc elle elles entre être faire fait leur leurs mais même nous parce \
        peut plus pour pourquoi quand quel quelle sans sont sous tous tout toute toutes très votre vous alors après avant \
        avoir ceux chaque chez encore était étaient jamais lorsque moins notre personne quelque quelques rien seulement \
        souvent toujours vers voici voilà \
        ahora algo algún alguna antes aquí aquel aunque cada casi como contra cosa cuando cuanto desde donde durante ella \
        ellos entonces entre eran esta está están este esto estos fue había hace hacer hacia hasta luego mejor menos mientras \
        mismo misma mucho muchos muy nada nunca otra otro otros para pero poco porque puede pues quien según sido siempre \
        sino sobre solo sólo también tanto tengo tiene tienen toda todas todavía todo todos unas unos usted \
        abbiamo alcuni allora altri altro anche ancora avere aveva bene cioè come così cosa dalla dalle degli della delle dello \
        dentro dove dopo ecco erano essere fare finché grazie hanno invece loro meglio meno mentre molto nella nelle nello \
        niente nostro ogni oppure perché però più poco poi prima proprio qualche quando quanto quella quello questa queste \
        questi questo sempre senza siamo solo sono stata stato sulla sulle tanto troppo tutta tutte tutti tutto \
        agora ainda algum alguma antes aquela aquele assim cada coisa depois desde dessa desse deste dois ela eles então era \
        essa esse esta estão este eram fazer foi foram isso isto mais mesmo muita muito muitos nada nossa nosso nunca onde \
        outra outro para pela pelo porque pouco quando quase quem sempre seu seus sobre também tanto tenho todas todo todos \
        alleen altijd andere bent daar daarom deze door echt eens eerst geen goed haar heb hebben heeft heel hier hoe hun iets \
        jouw kunnen maar meer mensen mijn moet moeten naar niet niets nooit omdat onder onze over soms steeds toch toen veel \
        voor waar waarom waren wanneer want welke werd weer worden wordt zelf zich zijn zoals zonder zouden \
        alltid annan dessa detta efter eller finns från hade hans hela henne hennes inte kanske också sedan själv skulle \
        under utan varje vara varit vilket \
        albo bardzo było były będzie często czego dlaczego dlatego gdzie jego jest jeszcze jeśli kiedy która które który może \
        można nawet oraz przed przez przy sobie tego także teraz tylko wszystko żeby";
    words.split_whitespace().collect()
});

/// Of the words of [`topic_words`] those that stand as nouns here: behind an article or the like, perhaps with one word between
/// them, and before none of these words ("the locked door was": `door`).
pub(super) fn nouns(text: &str) -> impl Iterator<Item = String> + '_ {
    // Where a sentence is cut, an empty word.
    let words: Vec<&str> = text
        .split(|c: char| !c.is_alphanumeric() && c != '’' && c != '\'' && !".,;:!?()\n".contains(c))
        .flat_map(|word| word.split_inclusive(|c: char| ".,;:!?()\n".contains(c)))
        .flat_map(|word| {
            let bare = word.trim_end_matches(|c: char| ".,;:!?()\n".contains(c));
            [Some(bare).filter(|bare| !bare.is_empty()), Some("").filter(|_| bare.len() < word.len())]
        })
        .flatten()
        .collect();
    let telling = |at: usize| words.get(at).and_then(|word| topic_words(word).next());
    let is_article =
        |at: Option<usize>| at.is_some_and(|at| ARTICLES.contains(words[at].to_lowercase().as_str()));
    let found: Vec<String> = (0..words.len())
        .filter(|at| telling(at + 1).is_none())
        .filter(|at| {
            let before = at.checked_sub(1);
            let has_adjective = before.is_some_and(|before| telling(before).is_some());
            is_article(before) || has_adjective && is_article(at.checked_sub(2))
        })
        .filter_map(telling)
        .collect();
    found.into_iter()
}

static ARTICLES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let words = "the a an my your his her its our their this that these those no some any every each another of \
        der die das den dem des ein eine einen einem einer eines mein meine meinen meinem meiner dein deine sein seine seinen \
        seinem seiner ihr ihre ihren ihrem ihrer unser unsere unseren unserem unserer kein keine keinen keinem diese dieser dieses \
        diesem diesen jede jeder jedes im am zum zur vom beim ins ans \
        le la les un une des du mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce cet cette ces au aux \
        el los las una unos unas mi mis tu tus su sus nuestro nuestra este esta estos estas del al \
        il lo gli uno mio mia miei mie tuo tua suo sua suoi sue nostro nostra questo questa del della dello dei delle al alla \
        os um uma meu minha meus minhas seu sua seus suas nosso nossa da dos das no na nos nas ao \
        het een de mijn jouw zijn haar ons onze hun dit dat deze die";
    words.split_whitespace().collect()
});

/// True for a frequent first name of Europe that is no other word too: who is spoken of says less than what about.
pub(super) fn is_first_name(word: &str) -> bool {
    FIRST_NAMES.contains(word)
}

/// The language of words in no order, where they are enough to tell.
pub(super) fn language_of_words(text: &str) -> Option<Lang> {
    /// Fewer bytes could be of many languages.
    const MIN_BYTES: usize = 100;
    const MAX_CHARS: usize = 1000;
    let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(at, _)| at);
    (text.len() >= MIN_BYTES).then(|| whatlang::detect_lang(&text[..end])).flatten()
}

/// The language that occurs most.
pub(super) fn most_frequent(languages: impl Iterator<Item = Lang>) -> Option<Lang> {
    let mut counts: HashMap<Lang, usize> = HashMap::new();
    languages.for_each(|language| *counts.entry(language).or_default() += 1);
    counts.into_iter().max_by_key(|(language, count)| (*count, language.code())).map(|(language, _)| language)
}

static FIRST_NAMES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let names = "adam adrian agnes albert alberto alejandro alessandro alexander alexandra alfred alice alicia alina amelia amélie \
        ameline andrea andreas andrew angela angelika anita anja anke anna annabel anne anneliese annette annika anton antonia antonio \
        arthur astrid audrey aurélie barbara beate beatrice beatriz benedikt benjamin bernadette bernard bernd bernhard bettina birgit \
        björn boris brigitte bruno camille carla carlos carmen carolin carolina caroline catherine cécile charles charlotte chiara \
        chloe chloé christian christiane christina christine christof christoph christopher claudia claudio clemens cornelia cristina \
        daniel daniela daniele danielle david débora deborah denise diana diego dieter dietmar dominik dominique donald dorothea edith \
        eduard eduardo edward eleonora elena elias elisa elisabeth élise elizabeth elke ellen elsa emil emilia émilie emily emma enrico \
        eric erich erika erwin esther étienne eugen fabian fabio federica federico felicitas fernanda fernando fiona florence francesca \
        francesco francis francisco françois françoise franz franziska frédéric friedrich fritz gabriel gabriela gabriele gabriella \
        gaston geoffrey georg george gerald gerd gerhard gertrud giorgio giovanni gisela giulia giuseppe gregor guillaume guido gunther \
        günter günther gustav hanna hannah hannes hans harald harold hartmut heather hector heike heiko heinrich heinz helen helena \
        helene hélène helga helmut henri henrik henry herbert hermann hildegard holger horst howard hubert hugo ignacio ilse ines inés \
        inge ingrid irene irina isabel isabella isabelle jacob jacqueline jacques jakob james janet janina jason javier jennifer jens \
        jeremy jessica joachim joana joanna johann johanna johannes john jonas jonathan jorge josé josef joseph joshua juan judith julia \
        julian julie julien julius jürgen justin jutta karin karl karla karsten katarina katharina katherine kathrin katja katrin \
        kathleen kenneth kerstin kevin kirsten klaus konrad kristin kurt lara laura laurent lena leonard leonie lisa lorenzo louis louise \
        luca lucas lucia lucía luis luisa luise lukas luke magdalena maike malte manfred manuel manuela marc marcel marco marcus \
        margaret margarete maria maría mariana marianne marie mario marion markus marlene marta martha martin martina mateo mathias \
        mathieu matteo matthew matthias maurice maximilian melanie michael michaela michel michelle miguel miriam monika monique moritz \
        nadia nadine nadja nancy natalia natalie natasha nathalie nathan nicholas nicola nicolas nicole niklas nils nina norbert nora \
        olaf oliver olivia olivier oskar otto pablo pamela paola paolo patricia patrick paul paula pauline pedro peter petra philip \
        philipp philippe rafael rainer ralf ramona raphael rebecca regina reinhard renate renée ricardo riccardo richard rita robert \
        roberto rodrigo roger roland rolf romain ronald rosemarie rudolf sabine sabrina samuel sandra sara sarah sascha sebastian \
        sergio sharon sibylle siegfried sigrid silke silvia simon simone sofia sonia sonja sophia sophie stefan stefanie stefano steffen \
        stephanie stephen steven stéphane susan susana susanna susanne sven svenja sylvia sylvie tanja tatjana teresa theodor theresa \
        thierry thomas thorsten tobias torsten ulrich ulrike ursula valentin valentina vanessa vera verena veronika vincent vincenzo \
        virginie viktor viktoria volker walter waltraud werner wilhelm william winfried wolfgang xavier yannick yvonne zoe zoé";
    names.split_whitespace().collect()
});
