// Commands that look at names.
#include <nlohmann/json.hpp>

#include "tools/cli/output.h"
#include "tools/cli/text_table.h"
#include "tools/remote/file_text.h"
#include "tools/remote/remote.h"
#include "tools/vortex/commands.h"

namespace vortex {

namespace {

using node::FileType;
using node::Inode;
using remote::Remote;

constexpr std::uint32_t kPageSize = 1000;

// Entries of a directory, page by page, in the order of their names.
Task<Result<std::vector<node::RemoteNames::Named>>> list_all(Remote& from, std::string path) {
  std::vector<node::RemoteNames::Named> all;
  std::string after;
  bool more = true;
  while (more) {
    auto page = co_await from.names.list(path, after, kPageSize, from.timeout);
    if (!page.ok()) co_return remote::about(path, page.error());
    more = page->more && !page->entries.empty();
    for (auto& entry : page->entries) all.push_back(std::move(entry));
    if (!all.empty()) after = all.back().name;
  }
  co_return all;
}

// Called for everything below a directory, each directory before what is in it. False: do not go into it.
using Visit = std::function<bool(const std::string& path, const Inode& inode, std::size_t depth)>;
Task<Status> walk(Remote& from, std::string path, std::size_t depth, const Visit& visit) {
  CO_ASSIGN_OR_RETURN(auto entries, co_await list_all(from, path));
  for (const auto& entry : entries) {
    std::string child = remote::below(path, entry.name);
    bool enter = visit(child, entry.inode, depth);
    if (enter && entry.inode.type == FileType::directory)
      CO_RETURN_IF_ERROR(co_await walk(from, child, depth + 1, visit));
  }
  co_return Status();
}

std::string line_of(const std::string& name, const Inode& inode, bool details) {
  std::string shown = remote::printable(name);
  if (inode.type == FileType::directory) shown += "/";
  if (!details) return shown + "\n";
  std::string size = std::to_string(inode.size);
  std::string text = remote::mode_text(inode) + " " + std::string(size.size() < 13 ? 13 - size.size() : 0, ' ') + size;
  text += "  " + remote::time_text(inode.attributes.modified) + "  " + shown;
  if (inode.type == FileType::symlink) text += " -> " + remote::printable(inode.target);
  return text + "\n";
}

Task<Status> ls_one(Remote& from, std::string path, const cli::Invocation& invocation, cli::Output& out,
                    nlohmann::json& entries) {
  const bool details = invocation.has("--long");
  auto inode = co_await from.names.stat(path, true, from.timeout);
  if (!inode.ok()) co_return remote::about(path, inode.error());
  auto show = [&](const std::string& name, const std::string& full, const Inode& each) {
    out.text(line_of(name, each, details));
    if (out.json()) entries.push_back(remote::file_json(full, each));
  };
  if (inode->type != FileType::directory) {
    show(path, path, *inode);
    co_return Status();
  }
  if (invocation.has("--recursive")) {
    Visit visit = [&](const std::string& full, const Inode& each, std::size_t) {
      show(full, full, each);
      return true;
    };
    co_return co_await walk(from, path, 0, visit);
  }
  CO_ASSIGN_OR_RETURN(auto all, co_await list_all(from, path));
  for (const auto& entry : all) show(entry.name, remote::below(path, entry.name), entry.inode);
  co_return Status();
}

std::vector<std::string> paths_of(const cli::Invocation& invocation) {
  return invocation.arguments.empty() ? std::vector<std::string>{"/"} : invocation.arguments;
}

Task<Status> ls(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  nlohmann::json entries = nlohmann::json::array();
  for (const std::string& path : paths_of(invocation))
    CO_RETURN_IF_ERROR(co_await ls_one(from, path, invocation, out, entries));
  out.put("entries", entries);
  co_return Status();
}

Task<Status> tree(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  nlohmann::json entries = nlohmann::json::array();
  for (const std::string& path : paths_of(invocation)) {
    out.text(remote::printable(path) + "\n");
    Visit visit = [&](const std::string& full, const Inode& inode, std::size_t depth) {
      out.text(std::string(2 * (depth + 1), ' ') + line_of(remote::last_name(full), inode, false));
      if (out.json()) entries.push_back(remote::file_json(full, inode));
      return true;
    };
    CO_RETURN_IF_ERROR(co_await walk(from, path, 0, visit));
  }
  out.put("entries", entries);
  co_return Status();
}

Task<Status> stat(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  const std::string& path = invocation.arguments[0];
  auto inode = co_await from.names.stat(path, !invocation.has("--no-follow"), from.timeout);
  if (!inode.ok()) co_return remote::about(path, inode.error());
  nlohmann::json json = remote::file_json(path, *inode);
  for (const auto& [name, value] : json.items()) {
    out.put(name, value);
    std::string shown = value.is_string() ? remote::printable(value.get<std::string>()) : value.dump();
    if (name == "mtime") shown = remote::time_text(inode->attributes.modified);
    if (!value.is_null()) out.text(name + std::string(9 - std::min<std::size_t>(8, name.size()), ' ') + shown + "\n");
  }
  co_return Status();
}

Task<Status> du(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  nlohmann::json totals = nlohmann::json::array();
  for (const std::string& path : paths_of(invocation)) {
    std::uint64_t bytes = 0, files = 0, directories = 0;
    Visit visit = [&](const std::string&, const Inode& inode, std::size_t) {
      bytes += inode.size;
      (inode.type == FileType::directory ? directories : files) += 1;
      return true;
    };
    auto inode = co_await from.names.stat(path, true, from.timeout);
    if (!inode.ok()) co_return remote::about(path, inode.error());
    if (inode->type == FileType::directory) {
      CO_RETURN_IF_ERROR(co_await walk(from, path, 0, visit));
    } else {
      visit(path, *inode, 0);
    }
    out.text(human_size(bytes) + "  " + std::to_string(files) + " files  " + std::to_string(directories) +
             " directories  " + remote::printable(path) + "\n");
    totals.push_back({{"path", path}, {"bytes", bytes}, {"files", files}, {"directories", directories}});
  }
  out.put("totals", totals);
  co_return Status();
}

// * stands for any letters, ? for one.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t p = 0, n = 0, star = std::string_view::npos, star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Task<Status> find(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  nlohmann::json entries = nlohmann::json::array();
  const std::string pattern = invocation.text("--name").value_or("*");
  const std::string type = invocation.text("--type").value_or("");
  if (!type.empty() && type != "f" && type != "d" && type != "l")
    co_return Error(Code::invalid_argument, "--type is f, d or l, not '" + type + "'");
  Visit visit = [&](const std::string& full, const Inode& inode, std::size_t) {
    char letter = inode.type == FileType::directory ? 'd' : inode.type == FileType::symlink ? 'l' : 'f';
    if ((type.empty() || type[0] == letter) && matches(pattern, remote::last_name(full))) {
      out.text(remote::printable(full) + "\n");
      if (out.json()) entries.push_back(remote::file_json(full, inode));
    }
    return true;
  };
  for (const std::string& path : paths_of(invocation)) CO_RETURN_IF_ERROR(co_await walk(from, path, 0, visit));
  out.put("entries", entries);
  co_return Status();
}

cli::Command look_command(std::string name, std::string arguments, std::string summary, remote::Body body) {
  cli::Command command;
  command.name = std::move(name);
  command.group = "files";
  command.arguments = std::move(arguments);
  command.arguments_max = cli::Command::kAny;
  command.summary = std::move(summary);
  command.run = remote::with_cluster(std::move(body));
  return command;
}

}  // namespace

std::vector<cli::Command> list_commands() {
  std::vector<cli::Command> all = {look_command("ls", "[PATH…]", "what is in a directory", ls),
                                   look_command("tree", "[PATH…]", "all that is below a directory, as a tree", tree),
                                   look_command("stat", "PATH", "everything about one file", stat),
                                   look_command("du", "[PATH…]", "how many bytes and files there are", du),
                                   look_command("find", "[PATH…]", "names below a directory that match", find)};
  all[0].flags = {{"--long", "", "mode, size and time of each", 'l'},
                  {"--recursive", "", "and all that is below", 'R'}};
  all[2].arguments_min = all[2].arguments_max = 1;
  all[2].flags = {{"--no-follow", "", "a symbolic link itself, not what it leads to"}};
  all[4].flags = {{"--name", "PATTERN", "names like this; * stands for any letters, ? for one"},
                  {"--type", "f|d|l", "files, directories or symbolic links alone"}};
  return all;
}

}  // namespace vortex
