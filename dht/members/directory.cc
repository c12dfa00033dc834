#include "dht/members/directory.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/check.h"
#include "base/hash.h"

namespace vortex::dht {

namespace {
constexpr std::uint64_t kMiBBits = 20;
constexpr std::uint64_t kEpochMax = 0xffffffff;
constexpr std::uint64_t kDecidedMax = (std::uint64_t(1) << 55) - 1;
constexpr std::size_t kIndexMin = 64;

std::optional<std::uint32_t> parse_ipv4(std::string_view text) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (text.empty() || text.front() != '.') return std::nullopt;
      text.remove_prefix(1);
    }
    std::uint32_t number = 0;
    std::size_t digits = 0;
    for (; digits < text.size() && digits < 3 && text[digits] >= '0' && text[digits] <= '9'; ++digits)
      number = number * 10 + static_cast<std::uint32_t>(text[digits] - '0');
    // One way of writing each, so that the text comes back as it was.
    if (digits == 0 || number > 255 || (digits > 1 && text.front() == '0')) return std::nullopt;
    text.remove_prefix(digits);
    value = value << 8 | number;
  }
  return text.empty() ? std::optional(value) : std::nullopt;
}

std::string ipv4_text(std::uint32_t value) {
  char text[16];
  char* end = text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    end = std::to_chars(end, std::end(text), value >> shift & 255).ptr;
    if (shift > 0) *end++ = '.';
  }
  return std::string(text, end);
}

std::uint32_t to_mib(std::uint64_t bytes) {
  std::uint64_t mib = std::max<std::uint64_t>(bytes >> kMiBBits, bytes > 0 ? 1 : 0);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(mib, 0xffffffff));
}

Status check_member(const Member& member) {
  if (member.id.is_zero()) return Error(Code::invalid_argument, "a member without an id");
  if (member.boot_epoch > kEpochMax) return Error(Code::invalid_argument, "an impossible boot epoch");
  if (member.decided > kDecidedMax) return Error(Code::invalid_argument, "an impossible version of a decision");
  if (member.zone.size() > kZoneNameMax) return Error(Code::invalid_argument, "the zone's name is too long");
  if (member.address.host.size() > kHostNameMax) return Error(Code::invalid_argument, "the host's name is too long");
  return Status();
}
}  // namespace

struct Directory::Entry {
  NodeId id;
  std::uint32_t boot_epoch = 0;
  std::uint32_t incarnation = 0;
  std::uint32_t host = 0;  // an IPv4 address, or a number of hosts_
  std::uint16_t port = 0;
  std::uint16_t zone = 0;
  std::uint32_t changed = 0;  // position of the last change
  std::uint32_t capacity_mib = 0;
  std::uint64_t decided : 55;
  std::uint64_t health : 2;
  std::uint64_t standing : 3;
  std::uint64_t named : 1;  // host is a number of hosts_
  std::uint64_t lost : 1;
  std::uint64_t silent : 1;
  std::uint64_t unused : 1;

  Entry() : decided(0), health(0), standing(0), named(1), lost(0), silent(0), unused(0) {}
  // As it is gossiped, and as this node sees it.
  Health health_now() const { return static_cast<Health>(health); }
  Health health_seen() const { return silent ? Health::dead : health_now(); }
  void set_health(Health value) { health = static_cast<unsigned>(value) & 3; }
  Standing standing_now() const { return static_cast<Standing>(standing); }
};

Directory::Directory() : index_(kIndexMin, 0), log_(kLogMax, 0) {
  static_assert(sizeof(Entry) == 64);
  // Number 0 is the empty text of a fresh entry.
  (void)hosts_.number_of("");
  (void)zones_.number_of("");
}

Directory::~Directory() = default;

Directory::Entry& Directory::entry(std::size_t place) const { return blocks_[place / kBlock][place % kBlock]; }

std::optional<std::size_t> Directory::place_of(const NodeId& id) const {
  std::size_t mask = index_.size() - 1;
  for (std::size_t slot = id.prefix() & mask; index_[slot] != 0; slot = (slot + 1) & mask) {
    std::size_t place = index_[slot] - 1;
    if (entry(place).id == id) return place;
  }
  return std::nullopt;
}

void Directory::put_index(std::size_t place) {
  std::size_t mask = index_.size() - 1;
  std::size_t slot = entry(place).id.prefix() & mask;
  while (index_[slot] != 0) slot = (slot + 1) & mask;
  index_[slot] = static_cast<std::uint32_t>(place + 1);
}

void Directory::grow_index() {
  index_.assign(index_.size() * 2, 0);
  for (std::size_t place = 0; place < size_; ++place) put_index(place);
}

std::size_t Directory::add(const NodeId& id) {
  if ((size_ + 1) * 4 > index_.size() * 3) grow_index();
  if (size_ == blocks_.size() * kBlock) blocks_.push_back(std::make_unique<Entry[]>(kBlock));
  std::size_t place = size_++;
  entry(place).id = id;
  put_index(place);
  return place;
}

Address Directory::address_of(const Entry& entry) const {
  return Address{entry.named ? hosts_.name(entry.host) : ipv4_text(entry.host), entry.port};
}

// Without making a text of it: most of what is heard is known.
bool Directory::same_address(const Entry& entry, const Address& address) const {
  if (entry.port != address.port) return false;
  if (entry.named) return hosts_.name(entry.host) == address.host;
  return parse_ipv4(address.host) == entry.host;
}

Status Directory::set_address(Entry& entry, const Address& address) {
  auto ipv4 = parse_ipv4(address.host);
  auto number = ipv4 ? ipv4 : hosts_.number_of(address.host);
  if (!number) return Error(Code::busy, "too many host names");
  entry.host = *number;
  entry.named = ipv4 ? 0 : 1;
  entry.port = address.port;
  return Status();
}

Status Directory::set_zone(Entry& entry, const std::string& zone) {
  auto number = zones_.number_of(zone);
  if (!number) return Error(Code::busy, "too many zones");
  entry.zone = static_cast<std::uint16_t>(*number);
  return Status();
}

void Directory::forget_unused_names() {
  Names hosts(kMembersMax), zones(kZonesMax);
  (void)hosts.number_of("");
  (void)zones.number_of("");
  for (std::size_t place = 0; place < size_; ++place) {
    Entry& it = entry(place);
    if (it.named) it.host = *hosts.number_of(hosts_.name(it.host));
    it.zone = static_cast<std::uint16_t>(*zones.number_of(zones_.name(it.zone)));
  }
  hosts_ = std::move(hosts);
  zones_ = std::move(zones);
}

Member Directory::expand(const Entry& it) const {
  Member member;
  member.id = it.id;
  member.address = address_of(it);
  member.boot_epoch = it.boot_epoch;
  member.incarnation = it.incarnation;
  member.health = it.health_now();
  member.decided = it.decided;
  member.standing = it.standing_now();
  member.capacity = std::uint64_t(it.capacity_mib) << kMiBBits;
  member.zone = zones_.name(it.zone);
  return member;
}

Member Directory::expand_as_seen(const Entry& it) const {
  Member member = expand(it);
  member.health = it.health_seen();
  return member;
}

std::uint32_t Directory::digest_of(const Entry& it) const {
  std::array<std::uint64_t, 6> words;
  words[0] = it.id.prefix();
  words[1] = std::uint64_t(it.boot_epoch) << 32 | it.incarnation;
  words[2] = std::uint64_t(it.port) << 8 | it.health;
  words[3] = std::uint64_t(it.standing) << 56 | it.decided;
  words[4] = it.named ? xxh3(as_bytes(hosts_.name(it.host))) : it.host;
  words[5] = it.capacity_mib;
  if (it.zone != 0) words[5] ^= xxh3(as_bytes(zones_.name(it.zone)));
  std::uint64_t sum = xxh3(ByteView(reinterpret_cast<const std::uint8_t*>(words.data()), sizeof words));
  return static_cast<std::uint32_t>(sum);
}

void Directory::leave(const Entry& it) {
  bool here = belongs(it.standing_now());
  if (here) --belonging_;
  if (here && it.health_seen() != Health::dead) --alive_;
  std::uint32_t digest = digest_of(it);
  digest_ -= digest;
  digests_[bucket_of(it.id)] -= digest;
}

void Directory::enter(const Entry& it) {
  bool here = belongs(it.standing_now());
  if (here) ++belonging_;
  if (here && it.health_seen() != Health::dead) ++alive_;
  std::uint32_t digest = digest_of(it);
  digest_ += digest;
  digests_[bucket_of(it.id)] += digest;
}

Status Directory::merge_life(Entry& it, const Member& member, MemberChange& change) {
  Life known{it.boot_epoch, it.incarnation}, heard = life_of(member);
  if (heard < known) return Status();
  if (heard == known) {
    Address address = address_of(it);
    if (member.health > it.health_now()) {
      change.health = true;
      it.set_health(member.health);
    }
    // Two that are the same member; any order will do that is the same everywhere.
    if (member.address > address) {
      RETURN_IF_ERROR(set_address(it, member.address));
      change.address = true;
    }
    return Status();
  }
  change.address = !same_address(it, member.address);
  if (change.address) RETURN_IF_ERROR(set_address(it, member.address));
  change.life = true;
  change.rebooted = member.boot_epoch != it.boot_epoch;
  change.health = member.health != it.health_now();
  it.boot_epoch = static_cast<std::uint32_t>(member.boot_epoch);
  it.incarnation = member.incarnation;
  it.set_health(member.health);
  return Status();
}

Status Directory::merge_decision(Entry& it, const Member& member, MemberChange& change) {
  std::uint32_t capacity = to_mib(member.capacity);
  const std::string& zone = zones_.name(it.zone);
  auto known = std::tuple(std::uint64_t(it.decided), it.standing_now(), it.capacity_mib, std::string_view(zone));
  auto heard = std::tuple(member.decided, member.standing, capacity, std::string_view(member.zone));
  if (heard <= known) return Status();
  RETURN_IF_ERROR(set_zone(it, member.zone));
  it.decided = member.decided & kDecidedMax;
  it.standing = static_cast<unsigned>(member.standing) & 7;
  it.capacity_mib = capacity;
  change.decision = true;
  return Status();
}

void Directory::log_change(std::size_t place) {
  ++changes_;
  entry(place).changed = position();
  log_[position() % kLogMax] = static_cast<std::uint32_t>(place);
}

// Is everything in it known, or superseded?
bool Directory::nothing_new(const Entry& it, const Member& member) const {
  Life known{it.boot_epoch, it.incarnation}, heard = life_of(member);
  if (heard > known || member.decided > it.decided) return false;
  if (heard == known && (member.health > it.health_now() || !same_address(it, member.address))) return false;
  if (member.decided < it.decided) return true;
  return member.standing == it.standing_now() && to_mib(member.capacity) == it.capacity_mib &&
         member.zone == zones_.name(it.zone);
}

bool Directory::says_the_same(const Entry& it, const Member& member) const {
  return Life{it.boot_epoch, it.incarnation} == life_of(member) && it.health_now() == member.health &&
         it.decided == member.decided && it.standing_now() == member.standing;
}

Status Directory::fill(Entry& it, const Member& member) {
  RETURN_IF_ERROR(set_address(it, member.address));
  RETURN_IF_ERROR(set_zone(it, member.zone));
  it.boot_epoch = static_cast<std::uint32_t>(member.boot_epoch);
  it.incarnation = member.incarnation;
  it.set_health(member.health);
  it.decided = member.decided & kDecidedMax;
  it.standing = static_cast<unsigned>(member.standing) & 7;
  it.capacity_mib = to_mib(member.capacity);
  return Status();
}

Result<MemberChange> Directory::merge(const Member& member) {
  RETURN_IF_ERROR(check_member(member));
  if (hosts_.full() || zones_.full()) forget_unused_names();
  MemberChange change;
  auto place = place_of(member.id);
  Status merged;
  if (place) {
    Entry& it = entry(*place);
    if (nothing_new(it, member)) {
      change.exact = says_the_same(it, member);
      return change;
    }
    leave(it);
    merged = merge_life(it, member, change);
    if (merged.ok()) merged = merge_decision(it, member, change);
    if (change.life || it.health_now() == Health::dead) {
      change.health = change.health || (it.silent && it.health_now() != Health::dead);
      it.silent = 0;
    }
    enter(it);
    if (it.health_seen() != Health::dead && it.lost) {
      it.lost = 0;
      ++placement_changes_;
    }
  } else {
    if (size_ >= kMembersMax) return Error(Code::busy, "the member directory is full");
    Entry fresh;
    RETURN_IF_ERROR(fill(fresh, member));
    place = add(member.id);
    fresh.id = member.id;
    entry(*place) = fresh;
    enter(fresh);
    change.added = true;
  }
  change.exact = says_the_same(entry(*place), member);
  if (change.any()) announce(*place, change);
  if (!merged.ok()) return std::move(merged).error();
  return change;
}

void Directory::announce(std::size_t place, const MemberChange& change) {
  log_change(place);
  if (change.added || change.decision) ++placement_changes_;
  tell(place, change);
}

void Directory::tell(std::size_t place, const MemberChange& change) {
  if (observers_.empty()) return;
  Member now = expand_as_seen(entry(place));
  for (auto& [number, observer] : observers_) observer(now, change);
}

std::optional<Member> Directory::find(const NodeId& id) const {
  auto place = place_of(id);
  if (!place) return std::nullopt;
  return expand(entry(*place));
}

Life Directory::life(const NodeId& id) const {
  auto place = place_of(id);
  return place ? Life{entry(*place).boot_epoch, entry(*place).incarnation} : Life();
}

Health Directory::health(const NodeId& id) const {
  auto place = place_of(id);
  return place ? entry(*place).health_seen() : Health::dead;
}

Standing Directory::standing(const NodeId& id) const {
  auto place = place_of(id);
  return place ? entry(*place).standing_now() : Standing::left;
}

Member Directory::at(std::size_t place) const { return expand(entry(place)); }
const NodeId& Directory::id_at(std::size_t place) const { return entry(place).id; }
Health Directory::health_at(std::size_t place) const { return entry(place).health_seen(); }
Standing Directory::standing_at(std::size_t place) const { return entry(place).standing_now(); }

bool Directory::address_is(std::size_t place, const Address& address) const {
  return same_address(entry(place), address);
}

void Directory::for_each(const std::function<void(const Member&)>& visit) const {
  for (std::size_t place = 0; place < size_; ++place) visit(expand_as_seen(entry(place)));
}

std::vector<Member> Directory::all() const {
  std::vector<Member> members;
  members.reserve(size_);
  for (std::size_t place = 0; place < size_; ++place) members.push_back(expand_as_seen(entry(place)));
  std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
  return members;
}

void Directory::set_silent(const NodeId& id, bool silent) {
  auto place = place_of(id);
  if (!place || entry(*place).silent == (silent ? 1u : 0u)) return;
  Entry& it = entry(*place);
  if (it.health_now() == Health::dead) return;
  leave(it);
  it.silent = silent ? 1 : 0;
  enter(it);
  if (!silent && it.lost) {
    it.lost = 0;
    ++placement_changes_;
  }
  MemberChange change;
  change.health = true;
  tell(*place, change);
}

bool Directory::silent(const NodeId& id) const {
  auto place = place_of(id);
  return place && entry(*place).silent != 0;
}

void Directory::set_lost(const NodeId& id, bool lost) {
  auto place = place_of(id);
  if (!place || entry(*place).lost == (lost ? 1u : 0u)) return;
  entry(*place).lost = lost ? 1 : 0;
  ++placement_changes_;
}

bool Directory::lost(const NodeId& id) const {
  auto place = place_of(id);
  return place && entry(*place).lost != 0;
}

std::uint64_t Directory::observe(Observer observer) {
  std::uint64_t number = next_observer_++;
  observers_.emplace(number, std::move(observer));
  return number;
}

std::uint32_t Directory::oldest_position() const {
  return changes_ <= kLogMax ? 0 : static_cast<std::uint32_t>(changes_ - kLogMax);
}

void Directory::changed_since(std::uint32_t position_before,
                              const std::function<bool(std::size_t, std::uint32_t)>& visit) const {
  // Positions wrap around; distances do not.
  std::uint32_t behind = std::min<std::uint32_t>(position() - position_before, position() - oldest_position());
  for (; behind > 0; --behind) {
    std::uint32_t at = position() - behind + 1;
    std::size_t place = log_[at % kLogMax];
    if (entry(place).changed == at && !visit(place, at)) return;
  }
}

std::uint32_t Directory::last_change(const NodeId& id) const {
  auto place = place_of(id);
  return place ? entry(*place).changed : 0;
}

std::size_t Directory::memory() const {
  return sizeof *this + blocks_.size() * (sizeof(void*) + kBlock * sizeof(Entry)) +
         index_.capacity() * sizeof(std::uint32_t) + log_.capacity() * sizeof(std::uint32_t);
}

std::vector<Member> sample_alive(const Directory& directory, const NodeId& self, std::size_t count, Random& random) {
  std::vector<std::size_t> places;
  auto good = [&](std::size_t place) {
    return belongs(directory.standing_at(place)) && directory.health_at(place) != Health::dead &&
           directory.id_at(place) != self && std::find(places.begin(), places.end(), place) == places.end();
  };
  // Where most are good, guessing finds them; where few are, all are looked at, from a random place on.
  std::size_t size = directory.size();
  for (std::size_t tries = 0; tries < 4 * count && places.size() < count && size > 0; ++tries) {
    std::size_t place = random.below(size);
    if (good(place)) places.push_back(place);
  }
  std::size_t from = size > 0 ? random.below(size) : 0;
  for (std::size_t i = 0; i < size && places.size() < count; ++i)
    if (good((from + i) % size)) places.push_back((from + i) % size);
  std::vector<Member> members;
  for (std::size_t place : places) members.push_back(directory.at(place));
  return members;
}

}  // namespace vortex::dht
