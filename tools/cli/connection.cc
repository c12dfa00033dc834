#include "tools/cli/connection.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tools/cli/output.h"

namespace vortex::cli {

namespace {

using nlohmann::json;

constexpr double kTimeoutLeast = 0.001, kTimeoutMost = 86'400;

// Where everything comes from, each as it was written.
struct Sources {
  std::optional<std::string> connect, key, transport;
};

Result<std::string> read_text_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return Error(Code::bad_config, "cannot read " + path);
  return text.str();
}

Error wrong_config(const std::string& path, const std::string& why) {
  return Error(Code::bad_config, path + ": " + why);
}

Status read_config(const std::string& path, Sources& into) {
  ASSIGN_OR_RETURN(std::string text, read_text_file(path));
  json config = json::parse(text, nullptr, false);
  if (!config.is_object()) return wrong_config(path, "it is not a JSON object");
  for (const auto& [name, value] : config.items()) {
    if (name == "connect" && value.is_array()) {
      std::string list;
      for (const json& each : value) {
        if (!each.is_string()) return wrong_config(path, "\"connect\" has an entry that is not HOST:PORT");
        list += (list.empty() ? "" : ",") + each.get<std::string>();
      }
      into.connect = list;
    } else if (!value.is_string()) {
      return wrong_config(path, "\"" + name + "\" is not a text");
    } else if (name == "connect") {
      into.connect = value.get<std::string>();
    } else if (name == "key") {
      into.key = value.get<std::string>();
    } else if (name == "transport") {
      into.transport = value.get<std::string>();
    } else {
      return wrong_config(path, "there is no setting \"" + name + "\"; there are connect, key and transport");
    }
  }
  return Status();
}

std::optional<std::string> usual_config(const Environment& environment) {
  auto home = environment("HOME");
  if (!home) return std::nullopt;
  std::string path = *home + "/.config/vortex/client.json";
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  return path;
}

Result<Sources> collect(const Invocation& invocation, const Environment& environment) {
  Sources sources;
  std::optional<std::string> config = invocation.text("--config");
  if (!config) config = environment("VORTEX_CONFIG");
  if (!config) config = usual_config(environment);
  if (config) RETURN_IF_ERROR(read_config(*config, sources));
  if (auto connect = environment("VORTEX_CONNECT")) sources.connect = connect;
  if (auto key = environment("VORTEX_KEY")) sources.key = key;
  if (auto connect = invocation.text("--connect")) sources.connect = connect;
  if (auto key = invocation.text("--key")) sources.key = key;
  if (auto transport = invocation.text("--transport")) sources.transport = transport;
  return sources;
}

Result<std::vector<Address>> parse_addresses(const std::string& list) {
  std::vector<Address> addresses;
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    if (word.empty()) continue;
    ASSIGN_OR_RETURN(Address address, Address::parse(word));
    addresses.push_back(std::move(address));
  }
  if (addresses.empty()) return Error(Code::bad_config, "the list of nodes to connect to is empty");
  return addresses;
}

// The key itself, or a file that holds it.
Result<node::AccessKeyText> read_key(const std::string& key) {
  if (key.starts_with("vxkey")) return node::AccessKeyText::parse(key);
  ASSIGN_OR_RETURN(std::string text, read_text_file(key));
  auto parsed = node::AccessKeyText::parse(text);
  if (!parsed.ok()) return Error(Code::bad_config, key + ": " + std::string(parsed.error().message()));
  return parsed;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == 0) return std::nullopt;
    return std::string(value);
  };
}

Result<ConnectionSettings> connection_settings(const Invocation& invocation, const Environment& environment,
                                               Output& out) {
  ASSIGN_OR_RETURN(Sources sources, collect(invocation, environment));
  ConnectionSettings settings;
  if (!sources.connect) {
    out.hint("say --connect HOST:PORT, set VORTEX_CONNECT, or name a client.json with --config or VORTEX_CONFIG");
    return Error(Code::bad_config, "which cluster? no node to connect to is known");
  }
  ASSIGN_OR_RETURN(settings.addresses, parse_addresses(*sources.connect));
  if (!sources.key) {
    out.hint(
        "say --key FILE or set VORTEX_KEY; the first node of a cluster wrote one to root.key in its data directory");
    return Error(Code::bad_config, "an access key is needed");
  }
  ASSIGN_OR_RETURN(settings.key, read_key(*sources.key));
  if (sources.transport == "plain") {
    settings.transport = net::Transport::plain;
  } else if (sources.transport && sources.transport != "tls") {
    return Error(Code::bad_config, "transport is tls or plain, not \"" + *sources.transport + "\"");
  }
  ASSIGN_OR_RETURN(double patience, invocation.number("--timeout", to_seconds(settings.timeout), kTimeoutLeast));
  settings.timeout =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(patience, kTimeoutMost)));
  return settings;
}

}  // namespace vortex::cli
