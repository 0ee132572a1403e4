// Clones with isomorphic-git: node clone.js URL PASSWORD FOLDER DEPTH; prints the commit's id.
import fs from "node:fs";
import git from "isomorphic-git";
import http from "isomorphic-git/http/node";

const [url, password, dir, depth] = process.argv.slice(2);
const onAuth = () => ({ username: "git", password });
await git.clone({ fs, http, dir, url, depth: Number(depth), singleBranch: true, onAuth });
console.log(await git.resolveRef({ fs, dir, ref: "HEAD" }));
