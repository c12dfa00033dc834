#include "net/identity.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/check.h"
#include "base/hash.h"
#include "net/secret.h"

namespace vortex::net {

namespace {
constexpr std::size_t kPemBytesMax = 4096;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free>;
using Bio = std::unique_ptr<BIO, Free>;
}  // namespace

NodeId node_id_of(const PublicKey& key) { return sha256(key); }

bool verify_signature(const PublicKey& key, ByteView message, const Signature& signature) {
  Key handle(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  DigestContext context(EVP_MD_CTX_new());
  CHECK(context);
  bool good = handle && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, handle.get()) == 1 &&
              EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
  ERR_clear_error();
  return good;
}

Identity::Identity(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {
  std::size_t size = public_key_.size();
  CHECK(EVP_PKEY_get_raw_public_key(key_.get(), public_key_.data(), &size) == 1 && size == public_key_.size());
  id_ = node_id_of(public_key_);
}

Identity Identity::generate(Random& random) {
  Secret seed = Secret::random(random);
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.view().data(), Secret::kSize));
  CHECK(key);
  return Identity(std::move(key));
}

Result<Identity> Identity::from_pem(std::string_view pem) {
  Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min(pem.size(), kPemBytesMax))));
  CHECK(bio);
  // An encrypted key must not make the process ask on the terminal.
  auto no_password = [](char*, int, int, void*) { return -1; };
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!key) return Error(Code::damaged, "node key: not a PEM private key");
  if (EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) return Error(Code::damaged, "node key: not an Ed25519 key");
  return Identity(std::move(key));
}

std::string Identity::to_pem() const {
  Bio bio(BIO_new(BIO_s_secmem()));
  CHECK(bio && PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  char* text = nullptr;
  long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Signature Identity::sign(ByteView message) const {
  DigestContext context(EVP_MD_CTX_new());
  Signature signature;
  std::size_t size = signature.size();
  CHECK(context && EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
  CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1);
  CHECK(size == signature.size());
  return signature;
}

Task<Result<Identity>> load_identity(Disk& disk, std::string path) {
  CO_ASSIGN_OR_RETURN(ByteVector pem, co_await read_file(disk, path, kPemBytesMax));
  auto identity = Identity::from_pem(as_text(pem));
  wipe(pem);
  if (!identity.ok()) co_return std::move(identity).error().in(path);
  co_return std::move(identity);
}

Task<Status> save_identity(Disk& disk, std::string path, const Identity& identity) {
  std::string pem = identity.to_pem();
  ByteVector content = to_vector(as_bytes(pem));
  co_return co_await replace_file(disk, std::move(path), std::move(content));
}

}  // namespace vortex::net
