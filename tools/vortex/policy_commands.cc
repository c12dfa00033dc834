// Commands for what is kept beside a file's bytes: policies of directories, attributes.
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "chunker/policy.h"
#include "tools/cli/output.h"
#include "tools/remote/file_text.h"
#include "tools/remote/remote.h"
#include "tools/vortex/commands.h"

namespace vortex {

namespace {

using node::FilePolicy;
using remote::Remote;

Result<std::uint8_t> copies_in(const std::string& name, const std::string& value) {
  std::uint8_t number = 0;
  auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (failure != std::errc() || end != value.data() + value.size())
    return Error(Code::bad_config, "setting \"" + name + "\": '" + value + "' is no number of copies");
  return number;
}

// One "name=value" as it is typed.
Status apply(FilePolicy& policy, const std::string& setting) {
  std::size_t equals = setting.find('=');
  if (equals == std::string::npos)
    return Error(Code::invalid_argument, "'" + setting + "' is no setting: write name=value");
  std::string name = setting.substr(0, equals), value = setting.substr(equals + 1);
  if (name == "replicas") {
    ASSIGN_OR_RETURN(policy.replicas, copies_in(name, value));
  } else if (name == "min-replicas") {
    ASSIGN_OR_RETURN(policy.replicas_min, copies_in(name, value));
  } else if (name == "inline-max") {
    ASSIGN_OR_RETURN(std::uint64_t bytes, parse_size(value));
    if (bytes > kInlineMax)
      return Error(Code::bad_config, "setting \"inline-max\": it is at most " + format_size(kInlineMax));
    policy.inline_max = static_cast<std::uint32_t>(bytes);
  } else {
    ASSIGN_OR_RETURN(policy.chunks, chunker::with_setting(policy.chunks, name, value));
  }
  return Status();
}

void show(const std::string& path, const FilePolicy& policy, bool own, cli::Output& out) {
  std::string chunks = chunker::to_string(policy.chunks);
  out.put("path", path);
  out.put("own", own);
  out.put("replicas", policy.replicas);
  out.put("min_replicas", policy.replicas_min);
  out.put("inline_max", policy.inline_max);
  out.put("chunks", chunks);
  out.text("replicas=" + std::to_string(policy.replicas) + " min-replicas=" + std::to_string(policy.replicas_min) +
           " inline-max=" + format_size(policy.inline_max) + " " + chunks + "\n");
}

Task<Result<node::Inode>> directory_at(Remote& at, std::string path) {
  auto inode = co_await at.names.stat(path, true, at.timeout);
  if (!inode.ok()) co_return remote::about(path, inode.error());
  if (inode->type != node::FileType::directory)
    co_return Error(Code::not_directory, path + " is not a directory: policies are those of directories");
  co_return std::move(*inode);
}

Task<Status> policy_get(Remote& at, const cli::Invocation& invocation, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(node::Inode inode, co_await directory_at(at, invocation.arguments[0]));
  show(invocation.arguments[0], inode.policy.value_or(FilePolicy()), inode.policy.has_value(), out);
  co_return Status();
}

Task<Status> policy_set(Remote& at, const cli::Invocation& invocation, cli::Output& out) {
  const std::string& path = invocation.arguments[0];
  CO_ASSIGN_OR_RETURN(node::Inode inode, co_await directory_at(at, path));
  FilePolicy policy = inode.policy.value_or(FilePolicy());
  for (std::size_t i = 1; i < invocation.arguments.size(); ++i)
    CO_RETURN_IF_ERROR(apply(policy, invocation.arguments[i]));
  CO_RETURN_IF_ERROR(validate(policy));
  node::AttributeChange change;
  change.policy = policy;
  auto set = co_await at.names.set(path, true, change, at.timeout);
  if (!set.ok()) co_return remote::about(path, set.error());
  show(path, policy, true, out);
  co_return Status();
}

Task<Status> xattr_list(Remote& at, const cli::Invocation& invocation, cli::Output& out) {
  const std::string& path = invocation.arguments[0];
  auto inode = co_await at.names.stat(path, true, at.timeout);
  if (!inode.ok()) co_return remote::about(path, inode.error());
  nlohmann::json xattrs = nlohmann::json::object();
  for (const node::Xattr& xattr : inode->attributes.xattrs) {
    std::string value = remote::printable(std::string(as_text(xattr.value)));
    xattrs[remote::printable(xattr.name)] = value;
    out.text(remote::printable(xattr.name) + "=" + value + "\n");
  }
  out.put("xattrs", xattrs);
  co_return Status();
}

Task<Status> change_xattr(Remote& at, std::string path, node::AttributeChange change) {
  auto set = co_await at.names.set(path, true, std::move(change), at.timeout);
  if (!set.ok()) co_return remote::about(path, set.error());
  co_return Status();
}

Task<Status> xattr_set(Remote& at, const cli::Invocation& invocation, cli::Output&) {
  node::AttributeChange change;
  node::Xattr& xattr = change.xattrs.emplace_back();
  xattr.name = invocation.arguments[1];
  xattr.value = to_vector(as_bytes(invocation.arguments[2]));
  co_return co_await change_xattr(at, invocation.arguments[0], std::move(change));
}

Task<Status> xattr_remove(Remote& at, const cli::Invocation& invocation, cli::Output&) {
  node::AttributeChange change;
  change.xattrs_gone.push_back(invocation.arguments[1]);
  co_return co_await change_xattr(at, invocation.arguments[0], std::move(change));
}

cli::Command attribute_command(std::string group, std::string name, std::string arguments, std::size_t least,
                               std::size_t most, std::string summary, remote::Body body) {
  cli::Command command;
  command.name = std::move(name);
  command.group = std::move(group);
  command.arguments = std::move(arguments);
  command.arguments_min = least;
  command.arguments_max = most;
  command.summary = std::move(summary);
  command.run = remote::with_cluster(std::move(body));
  return command;
}

}  // namespace

std::vector<cli::Command> policy_commands() {
  constexpr std::size_t any = cli::Command::kAny;
  std::vector<cli::Command> all = {
      attribute_command("files", "xattr list", "PATH", 1, 1, "extended attributes of a file", xattr_list),
      attribute_command("files", "xattr set", "PATH NAME VALUE", 3, 3, "sets an extended attribute", xattr_set),
      attribute_command("files", "xattr remove", "PATH NAME", 2, 2, "removes an extended attribute", xattr_remove),
      attribute_command("running", "policy get", "PATH", 1, 1, "how the files of a directory are kept", policy_get),
      attribute_command("running", "policy set", "PATH NAME=VALUE…", 2, any,
                        "how new files of a directory are kept, and of directories made in it", policy_set)};
  all[4].details =
      "replicas=3           copies of each chunk\n"
      "min-replicas=2       durable copies before a store is acknowledged\n"
      "inline-max=64KiB     files up to this size live with their name; 0: none\n"
      "cut=fixed|content    where files are cut; chunk=4MiB is the size, with content the average\n"
      "compression=none|lz4|lz4-high";
  return all;
}

}  // namespace vortex
