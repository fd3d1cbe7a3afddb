import type { TextLanguage } from "./languages.ts";

/** The commonest words that carry little meaning, lower case: short lists, since a word that is left out cannot be found. */
const LISTS: Readonly<Record<TextLanguage, string>> = {
  danish:
    "af alle at blev da de dem den denne der deres det dette dig din du efter eller en end er et for fra ham han hans har havde hendes her hos hun hvad hvis hvor i ikke ind jeg jer kan man med men mig min mod må når nu og også om op os over på selv sig sin skal som til ud under var ved vi vil var",
  dutch:
    "aan al als bij daar dan dat de der deze die dit doch door dus een en er ge geen haar had heb hebben heeft hem het hier hij hoe hun ik in is ja je kan kon maar me meer men met mij mijn na naar niet nog nu of om omdat ons ook op over te tegen toch toen tot u uit uw van veel voor want waren was wat we wel werd wie wij wil worden zal ze zij zijn zo zonder zou",
  english:
    "a an and are as at be but by for from had has have he her his i if in into is it its my no not of on or our she so such than that the their them then there these they this those to was we were what when which who will with would you your",
  finnish:
    "ei että hän he ja jos jotka joka kanssa kuin kun me mikä minä mukaan mutta myös ne niin nyt olen oli olla on ovat se sekä sen siitä siinä sinä te tai tämä vaan vai vain",
  french:
    "à au aux avec ce ces cet cette dans de des du elle elles en est et eu eux il ils je la le les leur leurs lui ma mais me mes moi mon ne nos notre nous on ou où par pas pour qu que qui sa sans se ses si son sont sur ta te tes toi ton tu un une vos votre vous y",
  german:
    "aber alle als also am an auch auf aus bei bin bis bist da damit das dass dein dem den der des dessen dich die dir doch du durch ein eine einem einen einer eines er es für hat hatte hier ich ihm ihn ihr ihre im in ist ja kann kein mein mich mir mit nach nicht noch nun nur ob oder ohne sehr sein sich sie sind so über um und uns unter vom von vor war was weil wenn wer wie wir wird wo zu zum zur",
  hungarian:
    "a az egy és hogy nem is de csak ha már meg mert ez azt ezt mint vagy volt van ki el itt ott még ő én te mi ti ők ami aki amely le fel be sem",
  italian:
    "a ad ai al alla alle anche che chi ci come con così cui da dal dalla degli dei del della delle di e ed era gli ha ho i il in io la le lei li lo loro lui ma mi mia mio ne nei nel nella no noi non nostro o per perché più quello questa questo se sei si sia sono su sua sul sulla suo ti tra tu un una uno vi voi",
  norwegian:
    "alle at av bare begge ble blir både da de dem den denne der dere deres det dette din disse du eller en er et etter for fordi fra før ha hadde han hans har hennes henne her hos hun hva hvem hvis hvor i ikke inn ja jeg kan kom man med meg men min mot må når nå og også om opp oss over på samme seg selv sin skal skulle som så til ut var ved vi vil være vår",
  portuguese:
    "a ao aos as até com como da das de dela dele do dos e ela elas ele eles em entre era essa esse esta este eu foi foram há isso isto já lhe mais mas me mesmo meu minha muito na nas nem no nos nossa nosso num numa não o os ou para pela pelo por qual quando que quem se sem ser seu seus são só sua suas também te tem um uma você vos à às é",
  romanian:
    "a al ale am ar are as au avea ca care că ce cel cea cei cu cum da dacă de deci din după e ea ei el ele era este eu fi fie fost ia iar îl îi în la le li lor lui mai ne nici noi nu o or pe pentru prin sa sau se să și si sunt te tu un una unei unui voi",
  russian:
    "а без бы был была были было быть в вам вас весь во вот все всего вы где да даже для до его ее ей ему если есть еще же за и из или им их к как ко когда кто ли либо мне может мы на не него нее нет ни них но о об он она они оно от очень по под при с со так также такой там те тем то того тоже той только том ты у уже хотя чего чей чем что чтобы чье чья эта эти это этот я",
  spanish:
    "a al algo ante antes como con contra cual cuando de del desde donde durante e el ella ellas ellos en entre era es esa ese eso esta este esto está fue ha han hasta hay la las le les lo los me mi mis mucho muy más ni no nos nosotros o os otra otro para pero poco por porque que quien se ser si sin sobre son su sus sí también te tiene tu tus un una uno unos y ya yo él",
  swedish:
    "alla allt att av blev bli blir de dem den denna deras dess det detta dig din du där efter ej eller en er ett från för ha hade han hans har henne hennes hon honom hur här i icke ingen inom inte jag ju kan kunde man med mellan men mig min mot mycket ni nu när någon något och om oss på samma sedan sig sin ska skulle som så till under upp ut utan vad var vara vem vi vid vilken vår än är över",
  turkish:
    "acaba ama bana bazı belki ben beni benim bir biri biz bu bunu çok çünkü da daha de değil diye en gibi hem hep her için ile ise kadar ki kim mı mi mu mü ne neden o olan olarak oldu on ona onlar onu sen siz şey şu ve veya ya yani",
};

export function stopWordsOf(language: TextLanguage): ReadonlySet<string> {
  return new Set(LISTS[language].split(" "));
}
