/** Stand in for the adjectives of the word list that RULER draws from, which is not part of this package. */
export const ADJECTIVES: readonly string[] = `
  able amber ancient angry autumn bare bitter black blank blue blunt bold brave brief bright brisk broad broken bronze
  brown calm careful cheap cheerful chilly clean clever close cloudy coarse cold common complete cool crisp crooked
  cruel curious curly damp dark dear deep dense distant double dry dull dusty eager early easy elegant empty equal
  faint fair famous fancy fast fatal fierce final firm flat fluid foggy fond formal fragile free fresh friendly frosty
  frozen full gentle giant glad golden grand gray great greedy green grim gross handy happy hard harsh heavy hidden
  high hollow honest huge humble hungry icy idle inner jolly keen kind large late lazy lean level light little lively
  lonely long loose loud lovely low loyal lucky mad major marble mellow mild minor modern modest muddy narrow nasty
  native neat nervous new noble noisy normal odd old open orange outer pale patient perfect plain pleasant polite poor
  precious pretty private proud pure purple quick quiet rapid rare raw ready real red rich rigid ripe rough round
  royal rude rural rusty sad safe salty sandy scarlet secret serious shallow sharp shiny short shy silent silky silver
  simple single sleepy slim slow small smooth soft solid sour spare special steady steep sticky stiff still straight
  strange strict strong sturdy sudden sunny sweet swift tall tame tender thick thin tidy tight tiny tired tough true
  ugly upper urban useful usual vague vast violet vivid warm weak weary wet white whole wide wild windy wise wooden
  worn young
`
  .trim()
  .split(/\s+/);

/** Stand in for its nouns; none is among the adjectives. */
export const NOUNS: readonly string[] = `
  acorn actor anchor ankle anvil apple apron arch arm army arrow artist atlas aunt author axe baby badge bag baker
  ball banana band bank barn barrel basin basket bath bay beach bead beam bean bear beard bed bee beetle bell belt
  bench berry bicycle bird blanket block blossom board boat bone book boot border bottle bowl box boy branch bread
  brick bridge broom brother bucket bugle bulb bus butter button cabin cable cactus cage cake camel camera camp canal
  candle canoe captain card carpet carrot cart castle cat cattle cave cellar chain chair chalk cheese cherry chest
  chicken chimney church circle city clay clerk cliff clock cloth cloud clover coal coast coat coin collar comb cook
  copper coral corn cottage cotton cousin cow crab cradle crane crayon cream creek crow crown cup curtain daisy dance
  deer desert desk diamond dinner doctor dog doll donkey door dove dragon drawer dream dress drum duck eagle ear earth
  egg elbow engine envelope evening eye face factory falcon farm farmer father feather fence fiddle field finger fire
  fish flag flame flock floor flour flower flute fly fog food foot forest fork fountain fox frame friend frog fruit
  garden garlic gate ghost girl glass glove goat goose grape grass guitar hall hammer hand harbor harp hat hawk hay
  heart hedge helmet hen hill hinge honey hook horn horse hotel house hunter ice inn iron island ivory jacket jail jar
  jewel judge jug juice kettle key king kitten knee knife knot ladder lady lake lamp lantern leaf leather lemon letter
  library lily lion lizard lock log lunch machine magnet mail map market mask mast meadow meal melon milk mill mirror
  monkey moon morning moth mother motor mountain mouse mouth museum mushroom nail napkin neck needle nest net night
  nose notebook nurse nut oak oar ocean office onion orchard otter oven owl oyster page paint palace paper parade
  parcel park parrot path peach pear pebble pen pencil pepper piano picnic picture pig pillow pilot pine pipe pirate
  planet plant plate plow plum pocket poem poet pond pony pool porch potato powder prince pumpkin puppy queen rabbit
  radio rail rain raven razor ribbon rice ring river road robin rock roof room root rope rose ruler saddle sailor
  salmon salt sand scarf school scissors sea seed shadow sheep sheet shelf shell ship shirt shoe shop shore shovel
  shower sister skirt sky sled smoke snail snake snow soap soldier song soup spade sparrow spider spoon spring
  squirrel stable stamp star statue steam stone stool storm stove stream street sugar summer swan sword table tailor
  tea teacher temple tent thread throne thumb thunder ticket tiger toast tooth torch tower town toy train tray tree
  truck trumpet tulip tunnel turkey turtle uncle valley vase vest village violin voice wagon wall walnut watch water
  wave wheat wheel whistle willow window wing winter wire wolf wood wool worker yard zebra
`
  .trim()
  .split(/\s+/);

/** Bytes of the longest word. */
export const LONGEST_WORD = longest(ADJECTIVES, NOUNS);

/** Bytes of the longest adjective and the longest noun with a hyphen between them. */
export const LONGEST_PAIR = longest(ADJECTIVES) + 1 + longest(NOUNS);

// --- internal ---

function longest(...lists: readonly (readonly string[])[]): number {
  return Math.max(...lists.flat().map((word) => word.length));
}
