#include "tests/sim/file_system.h"

#include <algorithm>
#include <utility>

namespace vortex::sim {

namespace {
constexpr std::ptrdiff_t kPendingMax = 4096;

Result<std::vector<std::string_view>> components(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    std::size_t slash = std::min(path.find('/'), path.size());
    std::string_view part = path.substr(0, slash);
    if (part == "..") return Error(Code::invalid_path, "..");
    if (!part.empty() && part != ".") parts.push_back(part);
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return parts;
}

Error missing(std::string_view path) { return Error(Code::not_found, std::string(path)); }
}  // namespace

FileSystem::FileSystem(Space& space) : space_(space) { clear(); }

void FileSystem::clear() {
  pending_.clear();
  root_ = std::make_shared<Inode>(next_number_++, true, space_);
  root_->linked = true;
}

InodePtr FileSystem::new_inode(bool directory) { return std::make_shared<Inode>(next_number_++, directory, space_); }

Result<FileSystem::Place> FileSystem::locate(std::string_view path) const {
  ASSIGN_OR_RETURN(auto parts, components(path));
  if (parts.empty()) return Error(Code::invalid_path, "names the root");
  Place place{root_, std::string(parts.back())};
  parts.pop_back();
  for (std::string_view part : parts) {
    auto at = place.directory->names.find(part);
    if (at == place.directory->names.end()) return missing(path);
    if (!at->second->directory) return Error(Code::not_directory, std::string(path));
    place.directory = at->second;
  }
  return place;
}

Result<InodePtr> FileSystem::find(std::string_view path) const {
  ASSIGN_OR_RETURN(auto parts, components(path));
  if (parts.empty()) return root_;
  ASSIGN_OR_RETURN(auto place, locate(path));
  auto at = place.directory->names.find(place.name);
  if (at == place.directory->names.end()) return missing(path);
  return at->second;
}

Result<InodePtr> FileSystem::open(std::string_view path, const OpenOptions& options) {
  ASSIGN_OR_RETURN(auto place, locate(path));
  auto at = place.directory->names.find(place.name);
  if (at != place.directory->names.end()) {
    if (options.create && options.exclusive) return Error(Code::exists, std::string(path));
    if (at->second->directory) return Error(Code::is_directory, std::string(path));
    if (options.truncate) at->second->content.truncate(0);
    return at->second;
  }
  if (!options.create) return missing(path);
  if (space_.used + Content::kPage > space_.capacity) return Code::no_space;
  InodePtr inode = new_inode(false);
  place.directory->names[place.name] = inode;
  inode->linked = true;
  changed(Change{nullptr, {}, place.directory, place.name, inode});
  return inode;
}

Status FileSystem::rename(std::string_view from, std::string_view to) {
  ASSIGN_OR_RETURN(auto source, locate(from));
  ASSIGN_OR_RETURN(auto target, locate(to));
  auto at = source.directory->names.find(source.name);
  if (at == source.directory->names.end()) return missing(from);
  InodePtr inode = at->second;
  auto old = target.directory->names.find(target.name);
  if (old != target.directory->names.end()) {
    if (old->second == inode) return Status();
    if (old->second->directory != inode->directory)
      return Error(inode->directory ? Code::not_directory : Code::is_directory, std::string(to));
    if (!old->second->names.empty()) return Error(Code::not_empty, std::string(to));
    old->second->linked = false;
    old->second->count_pages();
  }
  source.directory->names.erase(at);
  target.directory->names[target.name] = inode;
  changed(Change{source.directory, source.name, target.directory, target.name, inode});
  return Status();
}

Status FileSystem::remove(std::string_view path) {
  ASSIGN_OR_RETURN(auto place, locate(path));
  auto at = place.directory->names.find(place.name);
  if (at == place.directory->names.end()) return missing(path);
  InodePtr inode = at->second;
  if (!inode->names.empty()) return Error(Code::not_empty, std::string(path));
  place.directory->names.erase(at);
  inode->linked = false;
  inode->count_pages();
  changed(Change{place.directory, place.name, nullptr, {}, inode});
  return Status();
}

Status FileSystem::make_directories(std::string_view path) {
  ASSIGN_OR_RETURN(auto parts, components(path));
  InodePtr directory = root_;
  for (std::string_view part : parts) {
    auto at = directory->names.find(part);
    if (at == directory->names.end()) {
      InodePtr made = new_inode(true);
      made->linked = true;
      at = directory->names.emplace(std::string(part), made).first;
      changed(Change{nullptr, {}, directory, std::string(part), made});
    }
    if (!at->second->directory) return Error(Code::not_directory, std::string(path));
    directory = at->second;
  }
  return Status();
}

Result<std::vector<DirectoryEntry>> FileSystem::list(std::string_view path) const {
  ASSIGN_OR_RETURN(auto inode, find(path));
  if (!inode->directory) return Error(Code::not_directory, std::string(path));
  std::vector<DirectoryEntry> entries;
  for (const auto& [name, child] : inode->names)
    entries.push_back(DirectoryEntry{name, child->directory, child->content.size()});
  return entries;
}

void FileSystem::changed(Change change) {
  // What is old enough has reached the platter by itself.
  if (pending_.size() >= std::size_t(kPendingMax)) {
    auto end = pending_.begin() + kPendingMax / 2;
    std::for_each(pending_.begin(), end, [](const Change& old) { make_durable(old); });
    pending_.erase(pending_.begin(), end);
  }
  pending_.push_back(std::move(change));
}

bool FileSystem::touches(const Change& change, const Inode* directory, std::string_view name) {
  return (change.from_directory.get() == directory && change.from == name) ||
         (change.to_directory.get() == directory && change.to == name);
}

bool FileSystem::make_durable(const Change& change) {
  if (change.from_directory) {
    auto& names = change.from_directory->durable;
    auto at = names.find(change.from);
    if (at == names.end() || at->second != change.inode) return false;
    names.erase(at);
  }
  if (change.to_directory) change.to_directory->durable[change.to] = change.inode;
  return true;
}

Status FileSystem::sync_directory(std::string_view path) {
  ASSIGN_OR_RETURN(auto inode, find(path));
  if (!inode->directory) return Error(Code::not_directory, std::string(path));
  // The changes of this directory, and the earlier ones of the same names elsewhere that they build upon.
  std::vector<bool> chosen(pending_.size());
  std::vector<std::pair<const Inode*, std::string_view>> needed;
  for (std::size_t i = pending_.size(); i-- > 0;) {
    const Change& change = pending_[i];
    chosen[i] = change.from_directory == inode || change.to_directory == inode;
    for (auto& [directory, name] : needed) chosen[i] = chosen[i] || touches(change, directory, name);
    if (!chosen[i]) continue;
    if (change.from_directory && change.from_directory != inode)
      needed.emplace_back(change.from_directory.get(), change.from);
    if (change.to_directory && change.to_directory != inode) needed.emplace_back(change.to_directory.get(), change.to);
  }
  std::vector<Change> left;
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    if (chosen[i]) {
      make_durable(pending_[i]);
    } else {
      left.push_back(std::move(pending_[i]));
    }
  }
  pending_ = std::move(left);
  return Status();
}

void FileSystem::power_cut(Dice& dice, std::size_t unit) {
  // A journal keeps the order; not every file system has one.
  bool in_order = !dice.one_in(3);
  std::size_t prefix = dice.below(pending_.size() + 1);
  for (std::size_t i = 0; i < pending_.size(); ++i)
    if (in_order ? i < prefix : dice.chance(0.5)) make_durable(pending_[i]);
  for (const Change& change : pending_) change.inode->linked = false;
  pending_.clear();
  collapse(*root_, dice, unit);
}

void FileSystem::collapse(Inode& directory, Dice& dice, std::size_t unit) {
  directory.names = directory.durable;
  for (auto& [name, child] : directory.names) {
    child->linked = true;
    child->open = 0;  // whoever had it open sees the drive's new epoch
    child->lock_holder = 0;
    if (child->directory) {
      collapse(*child, dice, unit);
    } else {
      child->count_pages();
      child->content.power_cut(dice, unit);
    }
  }
}

void FileSystem::collect(const Inode& directory, std::vector<InodePtr>& files) {
  for (const auto& [name, child] : directory.names) {
    if (child->directory) {
      collect(*child, files);
    } else {
      files.push_back(child);
    }
  }
}

std::vector<InodePtr> FileSystem::files() const {
  std::vector<InodePtr> files;
  collect(*root_, files);
  return files;
}

}  // namespace vortex::sim
