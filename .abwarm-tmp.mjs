import { startCdpmux } from '/work/main/dist/bench/cdpmux.js';
import { fullStock } from '/work/main/dist/bench/full-stock.js';
import { findChrome } from '/work/main/dist/src/chrome/executable.js';
import puppeteer from 'puppeteer-core';
const [,, a,b,N='50',kind='shell']=process.argv;
const executable=await findChrome({kind,env:process.env,tmpDir:'/tmp'});
const M=[]; for(const root of [a,b]) M.push({mux:await startCdpmux(executable,{root,settings:['stock.enabled=true']}),t:[]});
const direct=await puppeteer.launch({executablePath:executable.path,headless:kind==='chrome'?true:'shell',args:['--no-sandbox']}); const D={url:direct.wsEndpoint(),t:[]};
const sleep=ms=>new Promise(r=>setTimeout(r,ms)); const T=()=>performance.now();
async function once(url){ const t0=T(); const b=await puppeteer.connect({browserWSEndpoint:url}); const tc=T(); const p=await b.newPage(); const tp=T(); await p.close(); await b.disconnect(); return {connect:tc-t0,newPage:tp-tc,total:tp-t0}; }
for(let i=-8;i<+N;i++){ const order=i%2?[0,1,2]:[2,1,0]; for(const k of order){ for(const m of M) await fullStock(m.mux.url); await sleep(60); const r=await once(k===2?D.url:M[k].mux.wsUrl); if(i>=0)(k===2?D:M[k]).t.push(r); await sleep(120);} }
const q=(t,k,p=.5)=>{const x=t.map(r=>r[k]).sort((m,n)=>m-n);return x[Math.floor(x.length*p)].toFixed(1)};
for(const k of ['connect','newPage','total']) console.log(k.padEnd(8),'A',q(M[0].t,k),'B',q(M[1].t,k),'direct',q(D.t,k),'| B/direct',(q(M[1].t,k)/q(D.t,k)).toFixed(3),'A/direct',(q(M[0].t,k)/q(D.t,k)).toFixed(3));
await direct.close(); for(const m of M) await m.mux.close(); process.exit(0);
