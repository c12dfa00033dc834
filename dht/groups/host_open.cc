// The host: what a start finds on the disk, and new groups.
#include <algorithm>
#include <charconv>
#include <utility>

#include "base/log.h"
#include "dht/groups/host_impl.h"

namespace vortex::dht::groups {

namespace {
constexpr std::size_t kCreateTogether = 64;

// "12-7": group 12, instance 7.
std::optional<std::pair<GroupId, std::uint64_t>> parse_instance(std::string_view name) {
  std::pair<GroupId, std::uint64_t> found;
  const char* end = name.data() + name.size();
  auto group = std::from_chars(name.data(), end, found.first);
  if (group.ec != std::errc() || group.ptr == end || *group.ptr != '-') return std::nullopt;
  auto instance = std::from_chars(group.ptr + 1, end, found.second);
  if (instance.ec != std::errc() || instance.ptr != end) return std::nullopt;
  return found;
}

std::string why_hurt(const wal::HurtOwner& hurt) {
  std::string text = hurt.certain ? "its log lacks records" : "its log may lack records";
  return text + " after " + hurt.after.to_string() + " and before " + hurt.before.to_string();
}
}  // namespace

std::string Host::Impl::directory_of(GroupId id, std::uint64_t instance) const {
  return options.directory + "/ck/" + std::to_string(id) + "-" + std::to_string(instance);
}

std::optional<GroupId> Host::Impl::group_of_directory(std::string_view name) {
  auto parsed = parse_instance(name);
  return parsed ? std::optional<GroupId>(parsed->first) : std::nullopt;
}

Task<Status> Host::Impl::open() {
  std::string checkpoints = options.directory + "/ck";
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories(checkpoints));
  CO_RETURN_IF_ERROR(co_await env.disk().sync_directory(options.directory));
  CO_ASSIGN_OR_RETURN(log, co_await wal::Log::open(env, options.directory + "/wal", options.wal));
  ImageReader reader;
  Status replayed = co_await log->replay(reader);
  // Owners whose records are hurt are named by recovery(); damage that came since is everybody's.
  if (!replayed.ok()) co_return replayed;
  for (const wal::HurtOwner& hurt : log->recovery().hurt) {
    if (hurt.owner == 0 || hurt.owner > std::numeric_limits<GroupId>::max()) continue;
    Image& image = reader.images()[static_cast<GroupId>(hurt.owner - 1)];
    if (image.damage.empty()) image.damage = why_hurt(hurt);
  }
  for (auto& [id, image] : reader.images())
    if (image.base && image.base->self.node != options.self)
      co_return Error(Code::bad_config,
                      options.directory + " holds the metadata of another node, " + image.base->self.node.hex());
  for (auto& [id, image] : reader.images()) CO_RETURN_IF_ERROR(co_await load(id, std::move(image)));
  co_return co_await remove_strangers();
}

Task<Status> Host::Impl::load(GroupId id, Image image) {
  if (image.base) next_instance_ = std::max(next_instance_, image.base->instance + 1);
  if (!image.base && image.damage.empty()) image.damage = "nothing says where its state begins";
  std::shared_ptr<Instance> instance;
  if (image.damage.empty()) {
    auto loaded = co_await load_instance(id, *image.base);
    if (loaded.ok()) {
      instance = std::move(*loaded);
    } else if (loaded.is(Code::damaged) || loaded.is(Code::not_found) || loaded.is(Code::bad_message)) {
      image.damage = loaded.error().to_string();
    } else {
      co_return std::move(loaded).error();
    }
  }
  if (!image.damage.empty()) {
    env.log().error("raft", "a replica's part of the disk is damaged: it gives up its vote", Field("group", id),
                    Field("why", image.damage));
    DamagedReplica& replica = damaged[id];
    replica.why = image.damage;
    if (image.base) replica.self = image.base->self;
    if (image.base) replica.group_epoch = image.base->group_epoch;
    if (image.lost) replica.self = image.lost->self;
    if (image.lost) replica.group_epoch = image.lost->group_epoch;
    co_return Status();
  }
  Instant votes_from = env.now();
  if (options.boot_epoch > 1) votes_from += options.lease;
  add(id, std::move(image), std::move(instance), votes_from);
  co_return Status();
}

void Host::Impl::add(GroupId id, Image image, std::shared_ptr<Instance> instance, Instant votes_from) {
  auto group = std::make_shared<Group>(*this, id, std::move(image), std::move(instance), votes_from);
  groups[id] = group;
  schedule(*group);
}

Task<Result<std::shared_ptr<Instance>>> Host::Impl::load_instance(GroupId id, const Base& base) {
  auto instance = std::make_shared<Instance>();
  instance->number = base.instance;
  instance->directory = directory_of(id, base.instance);
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories(instance->directory));
  instance->machine = machines.make(id, instance->directory);
  if (base.checkpoint == 0) {
    if (base.index != 0) co_return Error(Code::damaged, "a state without a checkpoint");
    co_return instance;
  }
  std::string path = instance->directory + "/state-" + std::to_string(base.checkpoint);
  auto reader = co_await wal::CheckpointReader::open(env, path);
  Status loaded;
  if (reader.ok()) {
    loaded = co_await instance->machine->load(**reader);
  } else {
    loaded = reader.error();
  }
  if (loaded.ok()) co_return instance;
  co_await instance->machine->stop();
  co_return std::move(loaded).error();
}

Task<Result<std::shared_ptr<Instance>>> Host::Impl::new_instance(GroupId id) {
  auto instance = std::make_shared<Instance>();
  instance->number = next_instance_++;
  instance->directory = directory_of(id, instance->number);
  CO_RETURN_IF_ERROR(co_await env.disk().make_directories(instance->directory));
  CO_RETURN_IF_ERROR(co_await env.disk().sync_directory(options.directory + "/ck"));
  instance->machine = machines.make(id, instance->directory);
  co_return instance;
}

// What no replica's base names is left over from a crash. Nothing of a damaged replica is touched; and nothing at all
// where the log's damage may have taken replicas whose names nobody knows.
Task<Status> Host::Impl::remove_strangers() {
  std::string checkpoints = options.directory + "/ck";
  const bool all_known = log->recovery().names_complete;
  if (!all_known) env.log().error("raft", "the log may have lost whole replicas: what is left of any is kept");
  CO_ASSIGN_OR_RETURN(auto entries, co_await env.disk().list(checkpoints));
  for (const DirectoryEntry& entry : entries) {
    auto name = parse_instance(entry.name);
    if (!name) continue;
    next_instance_ = std::max(next_instance_, name->second + 1);
    if (!all_known || damaged.contains(name->first)) continue;
    auto group = find(name->first);
    std::string directory = checkpoints + "/" + entry.name;
    if (!group || group->base().instance != name->second) {
      co_await remove_directory(directory);
      continue;
    }
    CO_RETURN_IF_ERROR(co_await wal::remove_unfinished_checkpoints(env, directory));
    std::string current = "state-" + std::to_string(group->base().checkpoint);
    CO_ASSIGN_OR_RETURN(auto files, co_await env.disk().list(directory));
    for (const DirectoryEntry& file : files)
      if (file.name.starts_with("state-") && file.name != current)
        CO_RETURN_IF_ERROR(co_await env.disk().remove(directory + "/" + file.name));
  }
  co_return Status();
}

Task<Status> Host::Impl::create(std::vector<GroupId> ids) {
  for (GroupId id : ids)
    if (groups.contains(id) || damaged.contains(id)) co_return Code::exists;
  while (!ids.empty()) {
    std::size_t count = std::min(ids.size(), kCreateTogether);
    std::vector<Image> images;
    std::vector<std::shared_ptr<Instance>> instances;
    std::vector<Batch> batches;
    std::vector<wal::Record> records;
    for (std::size_t i = 0; i < count; ++i) {
      CO_ASSIGN_OR_RETURN(auto instance, co_await new_instance(ids[i]));
      Base base;
      base.self.node = options.self;
      base.self.generation = std::max<std::uint64_t>(1, env.random().next());
      base.configuration.voters.push_back(base.self);
      base.instance = instance->number;
      base.discard = true;
      batches.emplace_back(ids[i]).add(base);
      Image& image = images.emplace_back();
      image.base = std::move(base);
      instances.push_back(std::move(instance));
    }
    for (const Batch& batch : batches)
      for (const wal::Record& record : batch.records()) records.push_back(record);
    auto written = co_await log->append(records);
    if (!written.ok()) co_return std::move(written).error();
    for (std::size_t i = 0; i < count; ++i) add(ids[i], std::move(images[i]), std::move(instances[i]), env.now());
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count));
  }
  co_return Status();
}

}  // namespace vortex::dht::groups
